//! The named parts of the scalp a zone may take.

/// A named part of the scalp. `planner/treatments/README.md` says where each lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Region {
    /// Everything that can be treated: from the hairline to above ears and nape.
    Full,
    /// The band behind the hairline, 25 mm deep.
    Hairline,
    /// From there to the line over the ears.
    Frontal,
    /// From the line over the ears to where the head falls off backwards.
    MidScalp,
    /// The back of the top.
    Crown,
    /// Behind the temple points, in front of the ears.
    Temples,
    /// Above the ears, the temples included.
    Sides,
    /// From the crown down to above the nape.
    Back,
    /// What Norwood's grade 2 to 7 leaves bald behind the hairline.
    Norwood(u8),
    /// What thins in Ludwig's grade 1 to 3.
    Ludwig(u8),
}

impl Region {
    /// All regions.
    pub const ALL: [Self; 17] = [
        Self::Full,
        Self::Hairline,
        Self::Frontal,
        Self::MidScalp,
        Self::Crown,
        Self::Temples,
        Self::Sides,
        Self::Back,
        Self::Norwood(2),
        Self::Norwood(3),
        Self::Norwood(4),
        Self::Norwood(5),
        Self::Norwood(6),
        Self::Norwood(7),
        Self::Ludwig(1),
        Self::Ludwig(2),
        Self::Ludwig(3),
    ];

    /// The name in the file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Hairline => "hairline",
            Self::Frontal => "frontal",
            Self::MidScalp => "mid_scalp",
            Self::Crown => "crown",
            Self::Temples => "temples",
            Self::Sides => "sides",
            Self::Back => "back",
            Self::Norwood(0..=2) => "norwood_2",
            Self::Norwood(3) => "norwood_3",
            Self::Norwood(4) => "norwood_4",
            Self::Norwood(5) => "norwood_5",
            Self::Norwood(6) => "norwood_6",
            Self::Norwood(_) => "norwood_7",
            Self::Ludwig(0..=1) => "ludwig_1",
            Self::Ludwig(2) => "ludwig_2",
            Self::Ludwig(_) => "ludwig_3",
        }
    }

    /// The region of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.name() == name)
    }
}
