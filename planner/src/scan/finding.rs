//! What was found in a scan and what was done about it: what an operator should know.

use stipple_model::frames::{Point, Scan};
use stipple_model::plan::Finding;
use stipple_model::units::Length;

use super::unit::Unit;

/// One finding. Counts are of the file's elements; places are in the scan's frame.
#[derive(Debug, Clone, PartialEq)]
pub enum ScanFinding {
    /// Nothing names the unit; the size is a head's in millimetres.
    UnitAssumed,
    /// The unit is a comment's in the file, and the size agrees.
    UnitFromComment(Unit),
    /// The unit in use is not the one the file's comment names.
    UnitCommentDiffers {
        /// The comment's.
        comment: Unit,
    },
    /// Vertices with the same coordinates were joined.
    Joined {
        /// How many went.
        vertices: usize,
    },
    /// Degenerate faces (a repeated corner, or no area) were dropped.
    Degenerate {
        /// How many.
        faces: usize,
    },
    /// Faces that were there already were dropped.
    Duplicate {
        /// How many.
        faces: usize,
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
    },
    /// Parts other than the head were dropped.
    Parts {
        /// How many parts.
        parts: usize,
        /// Their triangles.
        triangles: usize,
    },
    /// Some faces were wound the other way than their neighbours and were turned.
    Mixed {
        /// How many.
        triangles: usize,
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
    /// The triangles are large.
    Coarse {
        /// The median edge.
        median_edge: Length,
    },
    /// The coordinates lie far from the origin.
    FarOrigin {
        /// How far.
        distance: Length,
    },
}

impl ScanFinding {
    /// The short fixed name.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnitAssumed => "unit_assumed",
            Self::UnitFromComment(_) => "unit_from_comment",
            Self::UnitCommentDiffers { .. } => "unit_comment_differs",
            Self::Joined { .. } => "vertices_joined",
            Self::Degenerate { .. } => "degenerate_faces",
            Self::Duplicate { .. } => "duplicate_faces",
            Self::Unused { .. } => "unused_vertices",
            Self::NonManifold { .. } => "non_manifold",
            Self::Parts { .. } => "parts",
            Self::Mixed { .. } => "mixed_orientation",
            Self::InsideOut => "inside_out",
            Self::Hole { .. } => "hole",
            Self::MoreHoles { .. } => "more_holes",
            Self::Coarse { .. } => "coarse",
            Self::FarOrigin { .. } => "far_origin",
        }
    }

    /// One sentence with the numbers.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::UnitAssumed => "no unit is known; taken as millimetres, in which the size is a head's (name it with --unit)".into(),
            Self::UnitFromComment(unit) => format!("the unit is {unit}, from the file's comment; the size agrees"),
            Self::UnitCommentDiffers { comment } => format!("the file's comment says {comment}, but another unit was given and the size agrees with it"),
            Self::Joined { vertices } => format!("{vertices} vertices with the same coordinates as another were joined"),
            Self::Degenerate { faces } => format!("{faces} degenerate faces (repeated corner or no area) were dropped"),
            Self::Duplicate { faces } => format!("{faces} duplicate faces were dropped"),
            Self::Unused { vertices } => format!("{vertices} vertices without a face were dropped"),
            Self::NonManifold { edges, triangles } => {
                format!("{edges} edges were shared by more than two faces; {triangles} triangles of flaps were cut away")
            }
            Self::Parts { parts, triangles } => format!("{parts} separate parts ({triangles} triangles) besides the head were dropped"),
            Self::Mixed { triangles } => format!("{triangles} triangles were wound against their neighbours and were turned"),
            Self::InsideOut => "the surface was inside out and was turned; check that the picture shows the head from outside".into(),
            Self::Hole { center, diameter, edges } => {
                let c = center.raw() * 1e3;
                format!(
                    "an opening {:.0} mm wide ({edges} edges) at ({:.0}, {:.0}, {:.0}) mm in the scan; no dots are placed across it",
                    diameter.mm(),
                    c.x,
                    c.y,
                    c.z
                )
            }
            Self::MoreHoles { holes, widest } => format!("{holes} more openings, the widest {:.1} mm; no dots are placed across them", widest.mm()),
            Self::Coarse { median_edge } => {
                format!("the median edge is {:.1} mm, dots follow flat facets; scan finer than 5 mm", median_edge.mm())
            }
            Self::FarOrigin { distance } => format!("the scan lies {:.1} m from its origin", distance.m()),
        }
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
