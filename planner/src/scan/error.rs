//! Why a scan is refused: what, where, and what to do about it, in one line each.

use std::path::PathBuf;

use nalgebra::Vector3;

use super::gltf::GltfError;
use super::soup::UnitHint;
use super::unit::{Fit, Unit};

/// Why a scan is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The file could not be read.
    #[error("{path}: cannot be read: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is larger than any scan of a head.
    #[error(
        "the file has {bytes} bytes, the most read is {limit}; thin the scan out (a head needs no edges below 0.3 mm)"
    )]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The most that is read.
        limit: u64,
    },
    /// No bytes at all.
    #[error("empty file (0 bytes); export the scan again")]
    Empty,
    /// The first bytes belong to something else.
    #[error("not a scan: {looks_like}; export a PLY, STL, OBJ or glTF mesh")]
    UnknownFormat {
        /// What the first bytes look like.
        looks_like: String,
    },
    /// A text format in an encoding that is not read.
    #[error("not UTF-8 or ASCII text ({why}); save the file as UTF-8")]
    NotText {
        /// What gives it away.
        why: String,
    },
    /// A line that cannot be understood.
    #[error("line {line}: {what} in \"{text}\"; export the scan again")]
    BadLine {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong.
        what: &'static str,
        /// The line's text, cut short.
        text: String,
    },
    /// A PLY header that cannot be understood.
    #[error("PLY header: {reason}; export the scan again")]
    Header {
        /// Why.
        reason: String,
    },
    /// The header promises more than the file can hold.
    #[error(
        "the header claims {count} of element \"{element}\", at least {needed} bytes, but from byte {offset} only {available} are left; the file is damaged, export the scan again"
    )]
    CountExceedsFile {
        /// The element.
        element: String,
        /// How many it claims.
        count: u64,
        /// The bytes they need at least.
        needed: u128,
        /// Where the body starts.
        offset: usize,
        /// The bytes that are there.
        available: usize,
    },
    /// The file ends too early.
    #[error(
        "unexpected end of file: {read} of {declared} declared {element} elements are there; the file was cut short, copy it again"
    )]
    Truncated {
        /// The element being read.
        element: String,
        /// How many complete ones are there.
        read: usize,
        /// How many the header declares.
        declared: usize,
    },
    /// A body that cannot be understood.
    #[error("{}{reason}; export the scan again", .line.map_or_else(String::new, |l| format!("line {l}: ")))]
    Body {
        /// The line, counted from 1, in a text file.
        line: Option<usize>,
        /// Why.
        reason: String,
    },
    /// A text file without its end.
    #[error("no \"{keyword}\" after {faces} facets: the file was cut short, copy it again")]
    NoEnd {
        /// The missing keyword.
        keyword: &'static str,
        /// Facets read before.
        faces: usize,
    },
    /// A binary STL whose size does not match its count.
    #[error(
        "the STL header claims {declared} triangles, which takes {expected} bytes, but the file has {actual}; the file is damaged or cut short, export the scan again"
    )]
    StlSize {
        /// Triangles the header claims.
        declared: u32,
        /// The size that takes.
        expected: u64,
        /// The size there is.
        actual: u64,
    },
    /// A PLY vertex has no x, y or z.
    #[error("element \"vertex\" has no property \"{missing}\"; export the scan with x, y and z")]
    NoCoordinate {
        /// The property that is missing.
        missing: &'static str,
    },
    /// A vertex is NaN or infinite.
    #[error(
        "vertex {vertex} (counted from 0) is not finite ({x}, {y}, {z}); repair or export the scan again"
    )]
    NotFinite {
        /// The vertex.
        vertex: usize,
        /// Its x.
        x: f64,
        /// Its y.
        y: f64,
        /// Its z.
        z: f64,
    },
    /// A face names a vertex that is not there.
    #[error(
        "face {face} (counted from 0) uses vertex {index}, but there are only {vertices}; export the scan again"
    )]
    IndexOutOfRange {
        /// The face.
        face: usize,
        /// The index it uses.
        index: i64,
        /// How many vertices there are.
        vertices: usize,
    },
    /// A polygon with so many corners that cutting it into triangles takes too long.
    #[error(
        "face {face} (counted from 0) has {corners} corners, too many to be cut into triangles here; triangulate the mesh and export it again"
    )]
    Polygon {
        /// The face.
        face: usize,
        /// Its corners.
        corners: usize,
    },
    /// Triangles that share no edges.
    #[error(
        "the {triangles} triangles are not joined to each other: corners that should be one lie apart, and within {within} file units there is none to join; merge the vertices by distance and export the scan again"
    )]
    NotJoined {
        /// How many.
        triangles: usize,
        /// How far apart corners may lie that are joined, file units.
        within: f64,
    },
    /// Facets so large that dots on them are off the skin.
    #[error(
        "the surface is too coarse to plan on: {} (the median edge is {edge_mm:.1} mm); scan finer, or mesh the raw scan with less thinning",
        too_coarse(*.scatter_mm, *.scatter_limit_mm, *.bulge_mm, *.bulge_limit_mm)
    )]
    TooCoarse {
        /// The median edge, millimetres.
        edge_mm: f64,
        /// How far points of the facets scatter off the skin's curve on half of the surface, millimetres.
        scatter_mm: f64,
        /// The most that is planned on.
        scatter_limit_mm: f64,
        /// How far facets lie off the skin's curve on a tenth of the surface, millimetres.
        bulge_mm: f64,
        /// The most that is planned on.
        bulge_limit_mm: f64,
    },
    /// A surface so rough that areas, distances and normals on it are wrong.
    #[error(
        "the surface is too rough to plan on: its facets stand {tilt_deg:.0}° off the skin they scatter about (vertices stray {noise_mm:.2} mm), which makes areas {:.0} % too large; the most is {limit_deg:.0}°; smooth the scan or scan again",
        (*.inflation - 1.0) * 100.0
    )]
    TooRough {
        /// Root mean square angle of facets to their smooth surroundings, degrees.
        tilt_deg: f64,
        /// How far vertices stray, millimetres.
        noise_mm: f64,
        /// The surface's area over that of its smooth surroundings.
        inflation: f64,
        /// The largest angle that is planned on.
        limit_deg: f64,
    },
    /// Elements behind those that are declared.
    #[error(
        "{bytes} bytes follow after the last declared element; the header's counts do not fit the file, export the scan again"
    )]
    LeftOver {
        /// How many bytes.
        bytes: usize,
    },
    /// More elements than are read.
    #[error(
        "{vertices} vertices and {triangles} triangles or more, the most read is {limit} of each; thin the scan out (a head needs no edges below 0.3 mm)"
    )]
    TooMany {
        /// Vertices so far.
        vertices: usize,
        /// Triangles so far.
        triangles: usize,
        /// The most of each.
        limit: usize,
    },
    /// A glTF that is not read.
    #[error("glTF: {0}")]
    Gltf(#[from] GltfError),
    /// Points too far apart to be meshed.
    #[error(
        "a point cloud of {points} points {spacing_mm:.1} mm apart, too sparse for a surface (at most {limit_mm:.1} mm); mesh it first, or scan it denser"
    )]
    SparseCloud {
        /// How many points.
        points: usize,
        /// Median distance of neighbours, millimetres.
        spacing_mm: f64,
        /// The most that is taken.
        limit_mm: f64,
    },
    /// Points that stray too far from any surface.
    #[error(
        "a point cloud of {points} points that stray {stray_mm:.2} mm from a smooth surface, {spacing_mm:.1} mm apart: the skin would be uncertain by {uncertain_mm:.2} mm (at most {limit_mm:.2} mm); scan it again with the head held still, or denser"
    )]
    NoisyCloud {
        /// How many points.
        points: usize,
        /// Standard deviation from a paraboloid through the neighbours, millimetres.
        stray_mm: f64,
        /// Width of the square a point stands for, millimetres.
        spacing_mm: f64,
        /// Standard deviation of the surface's height, millimetres.
        uncertain_mm: f64,
        /// The most that is taken.
        limit_mm: f64,
    },
    /// A mesh format with no face in it.
    #[error("no surface: {vertices} vertices and 0 faces; export the scan with its faces")]
    NoFaces {
        /// How many vertices.
        vertices: usize,
    },
    /// Only degenerate faces.
    #[error("no surface: all {faces} faces are degenerate; export the scan again")]
    OnlyDegenerate {
        /// How many faces.
        faces: usize,
    },
    /// The size is not a head's in the unit given or assumed.
    #[error("{}", wrong_size(.given, *.longest, .fits))]
    WrongSize {
        /// The unit given, or `None` when millimetres were assumed.
        given: Option<Unit>,
        /// The longest side of the bounding box, file units.
        longest: f64,
        /// The units in which the scan would be a head.
        fits: Vec<Fit>,
    },
    /// Two sources name two units.
    #[error(
        "--unit {given} contradicts the landmarks file, which says one unit is {landmarks_mm} mm; correct one of them"
    )]
    UnitConflict {
        /// The unit given.
        given: Unit,
        /// Millimetres per unit in the landmarks file.
        landmarks_mm: f64,
    },
    /// In the unit the landmarks name, the scan is no head.
    #[error(
        "the landmarks file says one unit is {landmarks_mm} mm, which makes the scan {longest_mm:.3} mm long; a head is 110 to 300 mm (650 with shoulders), correct the landmarks' unit"
    )]
    LandmarkUnitSize {
        /// Millimetres per unit in the landmarks file.
        landmarks_mm: f64,
        /// The longest side then.
        longest_mm: f64,
    },
    /// The file itself names another unit than its size.
    #[error("{hint}, but only as {fits} would it be a head; name the unit with --unit")]
    UnitContradicted {
        /// What the file says.
        hint: UnitHint,
        /// What would fit.
        fits: String,
    },
    /// Thin in one direction: a plate, a relief, a sheet.
    #[error(
        "the surface is flat: {thickness:.1} thick and {length:.1} long in file units, a head is at least a fifth as thick as long; scan the whole head"
    )]
    Flat {
        /// Its extent along its thinnest direction, file units.
        thickness: f64,
        /// Its extent along its longest direction, file units.
        length: f64,
    },
    /// A skin around the one that carries the landmarks.
    #[error(
        "two skins, one around the other: the landmarks lie on the inner one ({head} triangles), the outer one has {triangles}; cut the outer one away if it is a cap or a shell, or pick the landmarks on it if it is the skin"
    )]
    TwoSkins {
        /// Triangles of the outer one.
        triangles: usize,
        /// Triangles of the inner one.
        head: usize,
    },
    /// Two parts of a head's size side by side.
    #[error(
        "two heads: a second part of the same size ({triangles} triangles) lies {distance:.1} file units away, at ({x:.1}, {y:.1}, {z:.1}); cut one away"
    )]
    TwoHeads {
        /// Triangles of the second.
        triangles: usize,
        /// Distance of the two middles, file units.
        distance: f64,
        /// The second one's middle.
        x: f64,
        /// The second one's middle.
        y: f64,
        /// The second one's middle.
        z: f64,
    },
    /// Two parts of head size and nothing to choose by.
    #[error(
        "two separate parts of similar size ({first} and {second} triangles, the second at ({x:.1}, {y:.1}, {z:.1}) in file units); give landmarks, or cut one away"
    )]
    TwoParts {
        /// Triangles of the larger part.
        first: usize,
        /// Triangles of the other.
        second: usize,
        /// The second one's middle.
        x: f64,
        /// The second one's middle.
        y: f64,
        /// The second one's middle.
        z: f64,
    },
    /// The surface branches too often to be repaired.
    #[error(
        "{edges} edges are shared by more than two faces, near ({x:.4}, {y:.4}, {z:.4}) in file units; repair the mesh"
    )]
    NonManifold {
        /// How many edges.
        edges: usize,
        /// The first one's place.
        x: f64,
        /// The first one's place.
        y: f64,
        /// The first one's place.
        z: f64,
    },
    /// The surface has no inside.
    #[error(
        "the surface has no inside and outside (it turns over on itself near vertex {vertex}); repair the mesh"
    )]
    NotOrientable {
        /// A vertex at the contradiction.
        vertex: u32,
    },
}

impl ScanError {
    pub(super) fn not_finite(vertex: usize, v: &Vector3<f64>) -> Self {
        Self::NotFinite {
            vertex,
            x: v.x,
            y: v.y,
            z: v.z,
        }
    }
}

fn too_coarse(scatter: f64, most_scatter: f64, bulge: f64, most_bulge: f64) -> String {
    if scatter > most_scatter {
        format!(
            "on half of it the flat facets scatter {scatter:.2} mm off the skin's curve, the most is {most_scatter:.2}"
        )
    } else {
        format!(
            "on a tenth of it the flat facets lie {bulge:.1} mm off the skin's curve, the most is {most_bulge:.1}"
        )
    }
}

fn wrong_size(given: &Option<Unit>, longest: f64, fits: &[Fit]) -> String {
    let (unit, how) = given.map_or(
        (Unit::Millimetre, "as millimetres (no unit is known)"),
        |u| (u, "in the unit given"),
    );
    let mm = longest * unit.metres() * 1e3;
    let advice = if fits.is_empty() {
        "no unit makes it one; is this a scan of a head?".to_owned()
    } else {
        let options: Vec<String> = fits.iter().map(Fit::to_string).collect();
        format!("if it is one, say --unit {}", options.join(" or --unit "))
    };
    format!(
        "the scan is {mm:.3} mm long {how}, a head is 110 to 300 mm (650 with shoulders); {advice}"
    )
}
