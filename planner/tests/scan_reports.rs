//! What `check-scan` prints for each shared scan, word for word. Looked for in `../shared` beside the checkout, or in `$STIPPLE_SHARED`;
//! skipped, loudly, where it is missing. After a wanted change: `INSTA_UPDATE=always cargo test --test scan_reports`, and read the diff.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod support;

use std::path::{Path, PathBuf};

use stipple_planner::register::{self, Landmarks};
use stipple_planner::scan::{self, UnitChoice, cover, fit, report};
use support::shared;

/// The report, or the line that refuses.
fn said(file: &Path, landmarks: Option<&Path>) -> String {
    let landmarks = landmarks.map(|path| Landmarks::parse(&std::fs::read(path).unwrap()).unwrap());
    let scan = match scan::read_file(file, UnitChoice::Auto, landmarks.as_ref()) {
        Ok(scan) => scan,
        Err(error) => return format!("refused: {error}\n"),
    };
    let registered = landmarks.map(|l| register::head_from_scan(&l, &scan));
    let head = match &registered {
        Some(Ok(r)) => Some((scan.mesh.transformed(&r.head_from_scan), &r.anatomy)),
        _ => None,
    };
    let fit = match &head {
        Some((head, anatomy)) => fit::check_head(&scan, head, anatomy),
        None => fit::check(&scan),
    };
    let mut said = report::text(&scan, &fit);
    if let Some((head, anatomy)) = &head
        && let Some(cover) = cover::cover(head, anatomy)
    {
        said += &report::cover_text(&cover);
    }
    if let Some(Err(error)) = registered {
        said += &format!("no head frame: {error}\n");
    }
    said
}

#[test]
fn reports_of_the_heads() {
    for (file, landmarks) in [
        ("colin27_av_ras.ply", "colin27_av_ras"),
        ("fsaverage_head.stl", "fsaverage_head"),
        ("ict_skin_mm.stl", "ict_skin_mm"),
        ("lee_perry_smith.obj", "lee_perry_smith"),
        ("lee_perry_smith_mm.stl", ""),
        ("mesh2hrtf_head.ply", "mesh2hrtf_head"),
    ] {
        let Some(path) = shared(&format!("scans/{file}")) else {
            continue;
        };
        let marks = match landmarks {
            "" => None,
            of => shared(&format!("scans/{of}.landmarks.json")),
        };
        insta::assert_snapshot!(file, said(&path, marks.as_deref()));
    }
}

#[test]
fn reports_of_odd_and_broken_files() {
    for folder in ["quirky-scans", "bad-scans"] {
        let Some(path) = shared(folder) else { continue };
        let mut files: Vec<PathBuf> = std::fs::read_dir(path)
            .unwrap()
            .map(|e| e.unwrap().path())
            .filter(|p| p.extension().is_some_and(|e| e != "md"))
            .collect();
        files.sort();
        for file in files {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            insta::assert_snapshot!(name, said(&file, None));
        }
    }
}
