//! What reading a scan takes in memory is in proportion to the file, whatever the file says: the peak is counted for small files that were
//! made to take much.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step fails the test"
)]
#![allow(
    unsafe_code,
    reason = "the allocator's trait is unsafe; it is only counted here what the system's does"
)]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use nalgebra::Isometry3;
use stipple_planner::scan::{self, ScanError, UnitChoice};
use support::{files, head};

/// The system's allocator, counted.
struct Counted;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "each call is handed on as it came"
)]
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(now, Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(block, layout) }
    }

    // A block that grows is there twice while it is copied.
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let now = NOW.fetch_add(size, Relaxed) + size;
        PEAK.fetch_max(now, Relaxed);
        let moved = unsafe { System.realloc(block, layout, size) };
        NOW.fetch_sub(layout.size(), Relaxed);
        moved
    }
}

#[global_allocator]
static ALLOCATOR: Counted = Counted;

/// Bytes of memory for each byte of the file. Source: the worst file measured here takes 48 (numbers in JSON lists that no scan has).
const EACH: usize = 64;
/// Bytes in any case. Source: a glTF may name a megabyte over and over, each byte an index: 85 MB measured, with those of the file.
const ALWAYS: usize = 64 << 20;
/// Bytes in any case where points are made a surface: the grids have the head's size, whatever the cloud's. Source: 180 MB measured.
const OF_A_CLOUD: usize = 256 << 20;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Runs something and gives the most memory it had at once, beyond what was there before.
fn peak<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = NOW.load(Relaxed);
    PEAK.store(before, Relaxed);
    let outcome = work();
    (outcome, PEAK.load(Relaxed).saturating_sub(before))
}

fn holds(name: &str, bytes: &[u8]) {
    holds_with(ALWAYS, name, bytes);
}

/// Of points, which are made a surface.
fn holds_cloud(name: &str, bytes: &[u8]) {
    holds_with(OF_A_CLOUD, name, bytes);
}

fn holds_with(always: usize, name: &str, bytes: &[u8]) {
    let (outcome, peak) = peak(|| scan::read(bytes, UnitChoice::Auto, None));
    let said = outcome.map_or_else(
        |e| e.to_string(),
        |scan| scan::report::text(&scan, &Ok(())).replace('\n', "; "),
    );
    let mb = |n: usize| n as f64 / 1e6;
    eprintln!(
        "{name}: {:.2} MB, peak {:.1} MB, {:.0} each: {said}",
        mb(bytes.len()),
        mb(peak),
        peak as f64 / bytes.len() as f64
    );
    assert!(
        peak <= EACH * bytes.len() + always,
        "{name}: {} bytes took {peak}: {said}",
        bytes.len()
    );
}

/// A megabyte of this.
fn many(piece: &str) -> String {
    piece.repeat((1 << 20) / piece.len())
}

fn ply(kind: &str, elements: &[(&str, usize, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("ply\nformat {kind} 1.0\n");
    for (name, count, properties) in elements {
        writeln!(text, "element {name} {count}").unwrap();
        for property in properties.split(',') {
            writeln!(text, "property {property}").unwrap();
        }
    }
    text += "end_header\n";
    [text.as_bytes(), body].concat()
}

const XYZ: &str = "uchar x,uchar y,uchar z";
const CORNERS: &str = "list uchar uchar vertex_indices";

#[test]
fn hostile_ply() {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let size = 1 << 20;
    let binary = "binary_little_endian";
    let some: Vec<u8> = (0..size)
        .map(|i| ((i as u32).wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let text = many("0 0 0\n");
    let lines = text.lines().count();
    holds_cloud(
        "ply text vertices",
        &ply(
            "ascii",
            &[("vertex", lines, "float x,float y,float z")],
            text.as_bytes(),
        ),
    );
    holds_cloud(
        "ply binary vertices",
        &ply(binary, &[("vertex", size / 3, XYZ)], &some[..size / 3 * 3]),
    );
    let normals = "uchar x,uchar y,uchar z,uchar nx,uchar ny,uchar nz";
    holds_cloud(
        "ply normals",
        &ply(
            binary,
            &[("vertex", size / 6, normals)],
            &some[..size / 6 * 6],
        ),
    );
    // 256 corners, and as many faces as go in.
    let points = &some[..768];
    for (name, length) in [
        ("ply triangles", 3usize),
        ("ply quads", 4),
        ("ply polygons", 255),
    ] {
        let faces = size / (length + 1);
        let body: Vec<u8> = (0..faces)
            .flat_map(|f| {
                std::iter::once(length as u8)
                    .chain((0..length).map(move |k| (f * 7 + k * (f % 11 + 1)) as u8))
            })
            .collect();
        let elements = [("vertex", 256, XYZ), ("face", faces, CORNERS)];
        holds(name, &ply(binary, &elements, &[points, &body].concat()));
        // The same with the faces first.
        let elements = [("face", faces, CORNERS), ("vertex", 256, XYZ)];
        holds(name, &ply(binary, &elements, &[&body, points].concat()));
    }
}

#[test]
fn hostile_ply_headers_and_lists() {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let size = 1 << 20;
    let binary = "binary_little_endian";
    let some: Vec<u8> = (0..size)
        .map(|i| ((i as u32).wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let points = &some[..768];
    let strip = [points, &(size as u32).to_le_bytes(), &some].concat();
    let strips = "list uint uchar vertex_indices";
    holds(
        "ply strip",
        &ply(
            binary,
            &[("vertex", 256, XYZ), ("tristrips", 1, strips)],
            &strip,
        ),
    );
    holds(
        "ply polygon of all",
        &ply(binary, &[("vertex", 256, XYZ), ("face", 1, strips)], &strip),
    );
    holds(
        "ply counts",
        &ply(binary, &[("vertex", usize::MAX / 2, XYZ)], &some),
    );
    let header = many("comment mm\n");
    holds(
        "ply header",
        format!("ply\nformat ascii 1.0\n{header}end_header\n").as_bytes(),
    );
    let properties: String = (0..60_000)
        .map(|i| format!("property char a{i}\n"))
        .collect();
    holds(
        "ply properties",
        format!("ply\nformat ascii 1.0\nelement a 0\n{properties}end_header\n").as_bytes(),
    );
    let elements: String = (0..60_000).map(|i| format!("element a{i} 0\n")).collect();
    holds(
        "ply elements",
        format!("ply\nformat ascii 1.0\n{elements}end_header\n").as_bytes(),
    );
}

#[test]
fn hostile_obj_and_stl() {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    for piece in [
        "v 0 0 0\n",
        "vn 0 0 0\n",
        "f 1\n",
        "f\n",
        "v 1 2 3 \\\n",
        "v 0 0 0\nf 1 1 1\n",
    ] {
        holds(
            &format!("obj of {piece:?}"),
            format!("v 0 0 0\n{}", many(piece)).as_bytes(),
        );
    }
    holds(
        "obj of one face",
        format!("v 0 0 0\nf {}\n", many("1 ")).as_bytes(),
    );
    let facet = "facet\nvertex 0 0 1\nvertex 0 1 0\nvertex 1 0 0\nendfacet\n";
    holds(
        "stl text",
        format!("solid\n{}endsolid\n", many(facet)).as_bytes(),
    );
    holds(
        "stl corners",
        format!("solid\n{}endsolid\n", many("vertex 0 0 0\n")).as_bytes(),
    );
    let count = 40_000u32;
    let mut stl = vec![0u8; 80];
    stl.extend(count.to_le_bytes());
    stl.extend((0..count * 50).map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8 & 0x3f));
    holds("stl binary", &stl);
    let mut whole = head(5);
    let shape = whole.ply(&Isometry3::identity());
    holds("a head as text", shape.as_bytes());
    holds("a head as stl", &files::stl(&whole, true));
    whole.triangles.truncate(0);
    holds_cloud(
        "a head's points",
        &files::ply_points(&head(6).vertices, None),
    );
}

/// A binary glTF of one buffer with these views (offset, length), accessors and the rest.
fn glb(buffer: &[u8], accessors: &str, rest: &str) -> Vec<u8> {
    let n = buffer.len();
    let json = format!(
        "{{\"asset\":{{\"version\":\"2.0\"}},\"buffers\":[{{\"byteLength\":{n}}}],\
         \"bufferViews\":[{{\"buffer\":0,\"byteLength\":{n}}}],\"accessors\":[{accessors}],{rest}}}"
    );
    files::glb_of(&json, buffer)
}

fn accessor(component: u32, count: usize, kind: &str) -> String {
    format!(
        "{{\"bufferView\":0,\"componentType\":{component},\"count\":{count},\"type\":\"{kind}\"}}"
    )
}

#[test]
fn hostile_gltf() {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let buffer = vec![7u8; 600_000];
    let bytes = 5121;
    let three = |count: usize| accessor(bytes, count, "VEC3");
    // One point, and normals without end, over and over.
    let primitive = "{\"attributes\":{\"POSITION\":0,\"NORMAL\":1},\"mode\":0}";
    let over = |primitive: &str, times: usize| {
        let all = vec![primitive; times].join(",");
        format!("\"meshes\":[{{\"primitives\":[{all}]}}],\"nodes\":[{{\"mesh\":0}}]")
    };
    let accessors = format!("{},{}", three(1), three(200_000));
    holds(
        "glb normals",
        &glb(&buffer, &accessors, &over(primitive, 2000)),
    );
    let alike = three(200_000);
    let accessors = vec![alike.as_str(); 500].join(",");
    let each: Vec<String> = (0..500)
        .map(|i| format!("{{\"attributes\":{{\"POSITION\":{i}}},\"mode\":0}}"))
        .collect();
    let meshes = format!(
        "\"meshes\":[{{\"primitives\":[{}]}}],\"nodes\":[{{\"mesh\":0}}]",
        each.join(",")
    );
    holds(
        "glb positions named by many accessors",
        &glb(&buffer, &accessors, &meshes),
    );
    let accessors = format!("{},{}", three(200_000), accessor(bytes, 600_000, "SCALAR"));
    for mode in [4, 5, 6] {
        let primitive =
            format!("{{\"attributes\":{{\"POSITION\":0}},\"indices\":1,\"mode\":{mode}}}");
        holds(
            "glb triangles over and over",
            &glb(&buffer, &accessors, &over(&primitive, 500)),
        );
    }
    let primitive = "{\"attributes\":{\"POSITION\":0}}";
    holds(
        "glb without indices",
        &glb(&buffer, &three(199_998), &over(primitive, 5000)),
    );
}

#[test]
fn hostile_gltf_trees_and_lists() {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let buffer = vec![7u8; 600_000];
    let three = |count: usize| accessor(5121, count, "VEC3");
    let primitive = "{\"attributes\":{\"POSITION\":0}}";
    let nodes = vec!["{\"mesh\":0}"; 20_000].join(",");
    let meshes = format!("\"meshes\":[{{\"primitives\":[{primitive}]}}],\"nodes\":[{nodes}]");
    holds(
        "glb in many places",
        &glb(&buffer, &three(199_998), &meshes),
    );
    let asset = "{\"asset\":{\"version\":\"2.0\"}";
    for (list, piece) in [
        ("nodes", "{},"),
        ("meshes", "{\"primitives\":[]},"),
        ("accessors", "{},"),
        ("materials", "{},"),
    ] {
        let json = format!("{asset},\"{list}\":[{}{{}}]}}", many(piece));
        holds(&format!("gltf of {list}"), json.as_bytes());
    }
    let json = format!(
        "{asset},\"nodes\":[{{\"children\":[{}0]}}],\"scenes\":[{{\"nodes\":[{}0]}}]}}",
        many("0,"),
        many("0,")
    );
    holds("gltf of children", json.as_bytes());
    let json = format!(
        "{asset},\"accessors\":[{{\"componentType\":5126,\"count\":1,\"type\":\"SCALAR\",\"min\":[{}0]}}]}}",
        many("0,")
    );
    holds("gltf of bounds", json.as_bytes());
    let json = format!(
        "{asset},\"extras\":{}1{}}}",
        "[".repeat(1 << 20),
        "]".repeat(1 << 20)
    );
    holds("gltf of brackets", json.as_bytes());
}

/// Many buffers that name one file beside the scan: together they may have no more than a file may.
#[test]
fn buffers_beside_a_scan_are_counted_together() {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    // Longer than it takes on the disk.
    let size = scan::LARGEST_FILE / 8;
    let beside = std::fs::File::create(folder.path().join("a.bin")).unwrap();
    beside.set_len(size).unwrap();
    let count = 30;
    let list =
        |piece: &dyn Fn(usize) -> String| (0..count).map(piece).collect::<Vec<_>>().join(",");
    let json = format!(
        "{{\"asset\":{{\"version\":\"2.0\"}},\"buffers\":[{}],\"bufferViews\":[{}],\"accessors\":[{}],\
         \"meshes\":[{{\"primitives\":[{}]}}],\"nodes\":[{{\"mesh\":0}}]}}",
        list(&|_| format!("{{\"byteLength\":{size},\"uri\":\"a.bin\"}}")),
        list(&|i| format!("{{\"buffer\":{i},\"byteLength\":{size}}}")),
        list(&|i| format!(
            "{{\"bufferView\":{i},\"componentType\":5126,\"count\":1,\"type\":\"VEC3\"}}"
        )),
        list(&|i| format!("{{\"attributes\":{{\"POSITION\":{i}}},\"mode\":0}}")),
    );
    let path = folder.path().join("head.gltf");
    std::fs::write(&path, json).unwrap();
    let (outcome, peak) = peak(|| scan::read_file(&path, UnitChoice::Auto, None));
    let error = outcome.unwrap_err();
    assert!(matches!(error, ScanError::Gltf(_)), "{error}");
    // A file that is longer than it may be is known to be so only when it has been read that far.
    assert!(peak as u64 <= 2 * scan::LARGEST_FILE, "{peak}");
}

/// More than is read is refused when it has been read that far, not at the end of the file.
#[test]
fn an_obj_is_held_to_the_limit_while_it_is_read() {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let text = format!("v 0 0 0\n{}", "f 1\n".repeat(3 * scan::MOST_ELEMENTS));
    let (outcome, peak) = peak(|| scan::read(text.as_bytes(), UnitChoice::Auto, None));
    let error = outcome.unwrap_err();
    assert!(matches!(error, ScanError::TooMany { .. }), "{error}");
    // Two lists of eight bytes, which are there twice while they grow by half.
    assert!(peak <= 48 * scan::MOST_ELEMENTS, "{peak}");
}
