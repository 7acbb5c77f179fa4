//! What was found in a scan and what was done about it: what an operator should know.

use stipple_model::frames::{Point, Scan};
use stipple_model::plan::Finding;
use stipple_model::units::{Area, Length};

use super::soup::UnitHint;

/// How much a finding weighs for who decides whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// Told for completeness: nothing of the skin has changed.
    Note,
    /// Was repaired, or should be looked at before going on.
    Warning,
}

/// One finding. Counts are of the file's elements; places are in the scan's frame.
#[derive(Debug, Clone, PartialEq)]
pub enum ScanFinding {
    /// Nothing names the unit; the size is a head's in millimetres.
    UnitAssumed,
    /// The unit is the file's own, and the size agrees.
    UnitFromFile(UnitHint),
    /// The unit in use is not the one the file names.
    UnitFileDiffers {
        /// The file's.
        hint: UnitHint,
    },
    /// Points without faces were made a surface.
    FromPoints {
        /// Points in the file.
        points: usize,
        /// Points after thinning out.
        used: usize,
        /// Typical distance of neighbours.
        spacing: Length,
        /// Grid cells of the reconstruction.
        cell: Length,
    },
    /// Points had no usable normals.
    NormalsEstimated {
        /// Whether the file had normals; they did not fit the points.
        given: bool,
    },
    /// Points far from the others were dropped.
    StrayPoints {
        /// How many, after thinning out.
        points: usize,
    },
    /// Points from which nothing of the room around can be seen were dropped: the inside of a mouth, the back of an eye.
    HiddenPoints {
        /// How many, after thinning out.
        points: usize,
    },
    /// A cloud had more points than are used, and the surface is coarser for it.
    ThinnedCloud {
        /// Points used.
        points: usize,
        /// Grid cells of the reconstruction.
        cell: Length,
    },
    /// The reconstruction closed over places without points; they were cut out again.
    ClosedOver {
        /// The area closed over.
        area: Area,
        /// The middle of it.
        center: Point<Scan>,
    },
    /// Vertices with the same coordinates were joined.
    Joined {
        /// How many went.
        vertices: usize,
    },
    /// Triangles that shared no edges were joined at corners close to each other.
    Welded {
        /// How many corners went.
        vertices: usize,
        /// How close they were.
        within: Length,
    },
    /// Degenerate faces (a repeated corner, or no area) were dropped.
    Degenerate {
        /// How many.
        faces: usize,
        /// The first one's place.
        place: Point<Scan>,
    },
    /// Faces that were there already were dropped.
    Duplicate {
        /// How many.
        faces: usize,
        /// The first one's place.
        place: Point<Scan>,
    },
    /// Vertices without a face were dropped.
    Unused {
        /// How many.
        vertices: usize,
    },
    /// Flaps on edges shared by more than two faces were cut away.
    NonManifold {
        /// Edges shared by more than two faces.
        edges: usize,
        /// Triangles cut away.
        triangles: usize,
        /// The first edge's place.
        place: Point<Scan>,
    },
    /// A part other than the head was dropped.
    Part {
        /// Its triangles.
        triangles: usize,
        /// Its middle.
        center: Point<Scan>,
        /// Its longest side.
        size: Length,
        /// Whether it lies inside the head.
        inside: bool,
    },
    /// More parts were dropped than are listed singly.
    MoreParts {
        /// How many.
        parts: usize,
        /// Their triangles.
        triangles: usize,
    },
    /// Some faces were wound the other way than their neighbours and were turned.
    Mixed {
        /// How many.
        triangles: usize,
        /// The first one's place.
        place: Point<Scan>,
    },
    /// The whole surface was inside out and was turned.
    InsideOut,
    /// An opening in the surface: a hole, or where the scan ends.
    Hole {
        /// Its middle.
        center: Point<Scan>,
        /// Its greatest width.
        diameter: Length,
        /// Edges around it.
        edges: usize,
    },
    /// More openings than are listed singly.
    MoreHoles {
        /// How many.
        holes: usize,
        /// The widest of them.
        widest: Length,
    },
    /// The surface runs through itself.
    Crossing {
        /// Triangles that run through another.
        triangles: usize,
        /// Where, and how many there; most first.
        places: Vec<(Point<Scan>, usize)>,
        /// Whether all triangles were looked at.
        complete: bool,
    },
    /// Looking for places where the surface runs through itself took too long, and none had been found until then.
    CrossingUnknown {
        /// Triangles of the surface.
        triangles: usize,
    },
    /// The triangles are large.
    Coarse {
        /// The median edge.
        median_edge: Length,
    },
    /// The surface is rough.
    Noisy {
        /// Standard deviation of vertices from their surroundings.
        noise: Length,
        /// The surface's area over that of its smooth surroundings.
        inflation: f64,
    },
    /// The coordinates come in steps: the file's numbers cannot tell places apart that are closer.
    Stepped {
        /// The step.
        step: Length,
    },
    /// The coordinates lie far from the origin.
    FarOrigin {
        /// How far.
        distance: Length,
        /// How finely 32-bit numbers resolve there.
        step: Length,
    },
    /// Part of the scalp is not there.
    ScalpMissing {
        /// The share of the scalp that is missing, 0..=1.
        share: f64,
        /// Where, seen from the middle of the scalp, and how much of it; most first.
        places: Vec<(&'static str, f64)>,
    },
}

fn at(p: &Point<Scan>) -> String {
    // An added zero turns -0 into 0.
    let [x, y, z]: [f64; 3] = p.raw().map(|c| (c * 1e3).round() + 0.0).into();
    format!("({x:.0}, {y:.0}, {z:.0}) mm")
}

fn many(count: usize, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

fn part(triangles: usize, center: &Point<Scan>, size: Length, inside: bool) -> String {
    format!(
        "a separate part {:.0} mm long ({triangles} triangles) {} {} was dropped{}",
        size.mm(),
        if inside { "inside the head at" } else { "at" },
        at(center),
        if inside {
            ""
        } else {
            "; the arm does not know of it"
        }
    )
}

fn crossing(triangles: usize, places: &[(Point<Scan>, usize)], complete: bool) -> String {
    let places: Vec<String> = places
        .iter()
        .map(|(p, n)| format!("{n} near {}", at(p)))
        .collect();
    format!(
        "{}{triangles} triangles run through others ({}); look at these places in the picture",
        if complete { "" } else { "at least " },
        places.join(", ")
    )
}

impl ScanFinding {
    /// The short fixed name.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnitAssumed => "unit_assumed",
            Self::UnitFromFile(UnitHint::Comment(_)) => "unit_from_comment",
            Self::UnitFromFile(UnitHint::Format(_)) => "unit_from_format",
            Self::UnitFileDiffers { .. } => "unit_differs",
            Self::FromPoints { .. } => "from_points",
            Self::NormalsEstimated { .. } => "normals_estimated",
            Self::StrayPoints { .. } => "stray_points",
            Self::HiddenPoints { .. } => "hidden_points",
            Self::ThinnedCloud { .. } => "thinned_cloud",
            Self::ClosedOver { .. } => "closed_over",
            Self::Joined { .. } => "vertices_joined",
            Self::Welded { .. } => "welded",
            Self::CrossingUnknown { .. } => "self_intersections_unknown",
            Self::Stepped { .. } => "coarse_numbers",
            Self::Degenerate { .. } => "degenerate_faces",
            Self::Duplicate { .. } => "duplicate_faces",
            Self::Unused { .. } => "unused_vertices",
            Self::NonManifold { .. } => "non_manifold",
            Self::Part { .. } => "part",
            Self::MoreParts { .. } => "more_parts",
            Self::Mixed { .. } => "mixed_orientation",
            Self::InsideOut => "inside_out",
            Self::Hole { .. } => "hole",
            Self::MoreHoles { .. } => "more_holes",
            Self::Crossing { .. } => "self_intersections",
            Self::Coarse { .. } => "coarse",
            Self::Noisy { .. } => "noisy",
            Self::FarOrigin { .. } => "far_origin",
            Self::ScalpMissing { .. } => "scalp_missing",
        }
    }

    /// How much it weighs.
    #[must_use]
    pub const fn weight(&self) -> Weight {
        match self {
            Self::UnitFromFile(_)
            | Self::Joined { .. }
            | Self::Degenerate { .. }
            | Self::Duplicate { .. }
            | Self::Unused { .. }
            | Self::StrayPoints { .. }
            | Self::HiddenPoints { .. }
            | Self::FromPoints { .. }
            | Self::FarOrigin { .. } => Weight::Note,
            _ => Weight::Warning,
        }
    }

    /// One sentence with the numbers.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::UnitAssumed => "no unit is known; taken as millimetres, in which the size is a head's (name it with --unit)".into(),
            Self::UnitFromFile(hint) => format!("{hint}; the size agrees"),
            Self::UnitFileDiffers { hint } => format!("{hint}, but another unit was given and the size agrees with it"),
            Self::FromPoints { points, used, spacing, cell } => format!(
                "a point cloud of {points} points (thinned to {used}, {:.1} mm apart) was made a surface with cells of {:.1} mm",
                spacing.mm(),
                cell.mm()
            ),
            Self::NormalsEstimated { given: false } => "the points have no usable normals; they were estimated from their neighbours".into(),
            Self::NormalsEstimated { given: true } => "the points' normals do not fit the points; they were estimated from their neighbours".into(),
            Self::StrayPoints { points } => format!("{points} points far from the others were dropped"),
            Self::HiddenPoints { points } => format!("{points} points inside the head, from which nothing outside can be seen, were dropped"),
            Self::ThinnedCloud { points, cell } => format!(
                "the cloud was thinned to {points} points and its surface has cells of {:.1} mm; cut the scan to head and shoulders for a finer one",
                cell.mm()
            ),
            Self::ClosedOver { area, center } => format!(
                "{:.0} cm² without points, around {}, were not scanned; they stay open and no dots are placed there",
                area.cm2(),
                at(center)
            ),
            Self::Joined { vertices } => format!("{vertices} vertices with the same coordinates as another were joined"),
            Self::Welded { vertices, within } => format!(
                "the triangles shared no edges; {vertices} corners within {:.4} mm of another were joined with it; check the picture for cracks",
                within.mm()
            ),
            Self::CrossingUnknown { triangles } => format!(
                "whether any of the {triangles} triangles run through others could not be told, there is too much in one place; look at the picture"
            ),
            Self::Stepped { step } => format!(
                "the coordinates come in steps of {:.3} mm, the file's numbers are too coarse for where the scan lies; move it to its origin before it is exported",
                step.mm()
            ),
            Self::Degenerate { faces, place } => format!("{faces} degenerate faces (repeated corner or no area) were dropped, the first at {}", at(place)),
            Self::Duplicate { faces, place } => format!("{faces} duplicate faces were dropped, the first at {}", at(place)),
            Self::Unused { vertices } => format!("{vertices} vertices without a face were dropped"),
            Self::NonManifold { edges, triangles, place } => format!(
                "flaps ({}) were cut away at {} shared by more than two faces, the first at {}",
                many(*triangles, "triangle"),
                many(*edges, "edge"),
                at(place)
            ),
            Self::Part { triangles, center, size, inside } => part(*triangles, center, *size, *inside),
            Self::MoreParts { parts, triangles } => format!("{parts} more separate parts ({triangles} triangles) were dropped"),
            Self::Mixed { triangles, place } => {
                format!("{triangles} triangles were wound against their neighbours, the first at {}, and were turned", at(place))
            }
            Self::InsideOut => "the surface was inside out and was turned; check that the picture shows the head from outside".into(),
            Self::Hole { center, diameter, edges } => format!(
                "an opening {:.0} mm wide ({edges} edges) at {} in the scan; no dots are placed across it",
                diameter.mm(),
                at(center)
            ),
            Self::MoreHoles { holes, widest } => format!("{holes} more openings, the widest {:.1} mm; no dots are placed across them", widest.mm()),
            Self::Crossing { triangles, places, complete } => crossing(*triangles, places, *complete),
            Self::Coarse { median_edge } => {
                format!("the median edge is {:.1} mm, dots follow flat facets; scan finer than 5 mm", median_edge.mm())
            }
            Self::Noisy { noise, inflation } => format!(
                "the surface is rough: vertices stray {:.2} mm from their surroundings, which makes areas {:.1} % too large; smooth the scan or scan again",
                noise.mm(),
                (inflation - 1.0) * 100.0
            ),
            Self::FarOrigin { distance, step } => {
                format!("the scan lies {:.1} m from its origin, where 32-bit numbers resolve {:.3} mm", distance.m(), step.mm())
            }
            Self::ScalpMissing { share, places } => {
                let places: Vec<String> = places.iter().map(|(name, share)| format!("{name} {:.0} %", share * 100.0)).collect();
                format!("{:.0} % of the scalp is not in the scan ({}); no dots are placed there", share * 100.0, places.join(", "))
            }
        }
    }

    /// Where it is, the most telling place first; nothing for what concerns the whole surface.
    #[must_use]
    pub fn places(&self) -> Vec<Point<Scan>> {
        match self {
            Self::Degenerate { place, .. }
            | Self::Duplicate { place, .. }
            | Self::NonManifold { place, .. }
            | Self::Mixed { place, .. } => vec![*place],
            Self::Part { center, .. }
            | Self::Hole { center, .. }
            | Self::ClosedOver { center, .. } => vec![*center],
            Self::Crossing { places, .. } => places.iter().map(|(p, _)| *p).collect(),
            _ => Vec::new(),
        }
    }

    /// The same finding with lengths and places in metres, given in file units.
    pub(super) fn scaled(mut self, metres: f64) -> Self {
        let move_to = |p: &mut Point<Scan>| *p = Point::from_raw(p.raw() * metres);
        match &mut self {
            Self::Degenerate { place, .. }
            | Self::Duplicate { place, .. }
            | Self::NonManifold { place, .. }
            | Self::Mixed { place, .. } => move_to(place),
            Self::Part { center, size, .. } => {
                move_to(center);
                *size = Length::from_m(size.m() * metres);
            }
            Self::Welded { within, .. } => *within = Length::from_m(within.m() * metres),
            _ => {}
        }
        self
    }

    /// As the plan stores it.
    #[must_use]
    pub fn to_plan(&self) -> Finding {
        Finding {
            stage: "scan".into(),
            code: self.code().into(),
            text: self.text(),
        }
    }
}
