//! Why a treatment file is not accepted.

/// Why a treatment file is not accepted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TreatmentError {
    /// Not TOML, a missing key or a wrong type.
    #[error("line {line}: {reason}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// What the parser said.
        reason: String,
    },
    /// A key that does not exist.
    #[error("line {line}: {place} has no key \"{key}\"; did you mean \"{nearest}\"?")]
    UnknownKey {
        /// The line, from 1.
        line: usize,
        /// The key.
        key: String,
        /// The table it stands in.
        place: String,
        /// The known key that is nearest to it.
        nearest: &'static str,
    },
    /// A region that does not exist.
    #[error("there is no region \"{region}\"; did you mean \"{nearest}\"?")]
    UnknownRegion {
        /// The name.
        region: String,
        /// The known region that is nearest to it.
        nearest: &'static str,
    },
    /// A name that is no name.
    #[error("{key} must be 1 to {most} characters on one line")]
    Name {
        /// The key with its place.
        key: String,
        /// The most characters accepted.
        most: usize,
    },
    /// A number out of its range.
    #[error("{key} is {value}; it must be {low} to {high}")]
    Range {
        /// The key with its place.
        key: String,
        /// What it is.
        value: f64,
        /// The least accepted.
        low: f64,
        /// The most accepted.
        high: f64,
    },
    /// A list too short or too long.
    #[error("{key} has {count} points; it must have {low} to {high}")]
    Points {
        /// The key with its place.
        key: String,
        /// How many it has.
        count: usize,
        /// The fewest accepted.
        low: usize,
        /// The most accepted.
        high: usize,
    },
    /// A place given twice, or not at all.
    #[error("{what} must say where it is by exactly one of {keys}")]
    Where {
        /// Which.
        what: String,
        /// The keys that say it.
        keys: &'static str,
    },
    /// A key without the one it belongs to, or beside one it contradicts.
    #[error("{what}: {key} {rule}")]
    Together {
        /// Which zone, exclusion or table.
        what: String,
        /// The key.
        key: &'static str,
        /// What holds for it.
        rule: &'static str,
    },
    /// A hairline that nobody should get.
    #[error(
        "hairline.height_mm is {height_mm}; the policy \"{policy}\" refuses a hairline below {lowest_mm} (the usual is 80)"
    )]
    HairlineTooLow {
        /// Its lowest point: the height, less the widow's peak.
        height_mm: f64,
        /// The least accepted.
        lowest_mm: f64,
        /// Whose policy.
        policy: &'static str,
    },
    /// Deeper than the zone's own cap.
    #[error("depth_mm of zone \"{zone}\" is {depth_mm}; its depth_cap_mm is {cap_mm}")]
    TooDeep {
        /// The zone.
        zone: String,
        /// The depth.
        depth_mm: f64,
        /// The zone's cap.
        cap_mm: f64,
    },
    /// A depth to be tried that a zone may not have.
    #[error(
        "test_patch.depths_mm has {depth_mm}; zone \"{zone}\" goes no deeper than its depth_cap_mm of {cap_mm}, so nothing deeper is tried"
    )]
    PatchTooDeep {
        /// The depth.
        depth_mm: f64,
        /// The zone with the smallest cap.
        zone: String,
        /// That cap.
        cap_mm: f64,
    },
    /// Deeper than the client's test patch allows.
    #[error(
        "depth_mm of zone \"{zone}\" is {depth_mm}; the test patch of client \"{client}\" fitted {fitted_mm} ([fitted]), and nothing goes deeper"
    )]
    DeeperThanFitted {
        /// The zone.
        zone: String,
        /// The depth.
        depth_mm: f64,
        /// The deepest that was fitted.
        fitted_mm: f64,
        /// Whose patch.
        client: String,
    },
    /// A key of the fit that says nothing.
    #[error("fitted.{key} must be {rule}")]
    Fitted {
        /// The key.
        key: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// Nothing is left to lay.
    #[error(
        "zone \"{zone}\" wants {wanted} per cm² and has {existing} already; at least 1 must be left to lay"
    )]
    NothingToLay {
        /// The zone.
        zone: String,
        /// The density wanted, per cm².
        wanted: f64,
        /// The density of what is there, per cm².
        existing: f64,
    },
    /// The layers do not rise to 1.
    #[error("layers must have 1 to 8 shares that rise and end with 1.0, such as [0.3, 0.7, 1.0]")]
    Layers,
    /// A treatment that goes on has one layer: this session's.
    #[error(
        "with [placed] there is one session: layers must be [1.0], and placed.share says how much of the whole is there after it"
    )]
    PlacedLayers,
    /// No zone, or too many.
    #[error("there are {count} zones; 1 to {most} are possible, each a [[zones]] with a region")]
    ZoneCount {
        /// How many.
        count: usize,
        /// The most possible.
        most: usize,
    },
    /// A zone's name twice.
    #[error("two zones are called \"{zone}\"; keep one, or give one another name")]
    ZoneTwice {
        /// Which.
        zone: String,
    },
    /// No shade, or too many.
    #[error("there are {count} shades; 1 to 16 are possible")]
    ShadeCount {
        /// How many.
        count: usize,
    },
    /// A shade name twice.
    #[error("the shade \"{shade}\" is defined twice; keep one")]
    ShadeTwice {
        /// Which.
        shade: String,
    },
    /// A zone names a shade that is not defined.
    #[error(
        "{place} uses the shade \"{shade}\", which is not defined; did you mean \"{nearest}\"? (known: {known})"
    )]
    UnknownShade {
        /// The zone.
        place: String,
        /// The shade.
        shade: String,
        /// The shade that is nearest to it.
        nearest: String,
        /// The shades there are.
        known: String,
    },
    /// Shares that are no shares.
    #[error("the shades of zone \"{zone}\" sum to {sum}; they must sum to 1")]
    Shares {
        /// The zone.
        zone: String,
        /// Their sum.
        sum: f64,
    },
    /// A test patch was asked for and is not there.
    #[error("the treatment has no [test_patch]; add one with center_deg and depths_mm")]
    NoTestPatch,
}
