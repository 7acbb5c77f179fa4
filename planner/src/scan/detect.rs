//! Which format bytes are in: found from the content, never from the name.

use super::error::ScanError;
use super::gltf::Beside;
use super::soup::{Soup, excerpt};
use super::{LARGEST_FILE, gltf, obj, ply, stl};

/// Reads bytes in whichever format they are.
pub(super) fn parse(bytes: &[u8], beside: Beside<'_>) -> Result<Soup, ScanError> {
    if bytes.is_empty() {
        return Err(ScanError::Empty);
    }
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(ScanError::TooLarge {
            bytes: bytes.len() as u64,
            limit: LARGEST_FILE,
        });
    }
    if bytes.starts_with(b"ply") {
        return ply::parse(bytes);
    }
    if bytes.starts_with(b"glTF") {
        return gltf::parse_binary(bytes, beside);
    }
    // Before the word "solid": binary headers carry it too, and only a binary STL has exactly this size.
    if stl::is_binary(bytes) {
        return stl::parse_binary(bytes);
    }
    if let Some(looks_like) = foreign(bytes) {
        return Err(ScanError::UnknownFormat {
            looks_like: looks_like.to_owned(),
        });
    }
    if let Some(why) = wide_text(bytes) {
        return Err(ScanError::NotText {
            why: why.to_owned(),
        });
    }
    let is_text =
        !bytes.contains(&0) || std::str::from_utf8(bytes).is_ok_and(|t| !t.contains('\0'));
    match std::str::from_utf8(bytes) {
        Ok(text) if is_text => parse_text(text.trim_start_matches('\u{feff}'), beside),
        Err(e) if is_text => Err(ScanError::NotText {
            why: format!("byte {} is no UTF-8", e.valid_up_to()),
        }),
        // What is left is binary and no known format: most likely a binary STL that was cut or whose count lies.
        _ if bytes.len() >= 84 => stl::parse_binary(bytes),
        _ => Err(ScanError::UnknownFormat {
            looks_like: "unknown binary data".into(),
        }),
    }
}

fn parse_text(text: &str, beside: Beside<'_>) -> Result<Soup, ScanError> {
    let first = text
        .lines()
        .map(str::trim_start)
        .find(|l| !l.is_empty() && !l.starts_with('#'))
        .unwrap_or_default();
    if first
        .get(..5)
        .is_some_and(|w| w.eq_ignore_ascii_case("solid"))
    {
        return stl::parse_ascii(text);
    }
    if first.starts_with('{') {
        return gltf::parse_json(text.as_bytes(), beside);
    }
    let obj = |line: &str| {
        let word = line.split_whitespace().next();
        matches!(
            word,
            Some(
                "v" | "vn" | "vt" | "vp" | "f" | "o" | "g" | "s" | "mtllib" | "usemtl" | "l" | "p"
            )
        )
    };
    if obj(first) {
        return obj::parse(text);
    }
    Err(ScanError::UnknownFormat {
        looks_like: format!("text that starts with \"{}\"", excerpt(first)),
    })
}

/// Formats that are often mistaken for a scan, by their first bytes.
fn foreign(bytes: &[u8]) -> Option<&'static str> {
    const MAGICS: [(&[u8], &str); 7] = [
        (b"\x89PNG", "a PNG picture"),
        (b"\xff\xd8\xff", "a JPEG picture"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"\x1f\x8b", "a gzip archive"),
        (b"%PDF", "a PDF"),
        (b"OFF", "an OFF mesh"),
        (b"<?xml", "XML"),
    ];
    MAGICS
        .iter()
        .find(|(magic, _)| bytes.starts_with(magic))
        .map(|(_, name)| *name)
}

fn wide_text(bytes: &[u8]) -> Option<&'static str> {
    let every_second_is_zero = |at: usize| {
        let head = &bytes[..bytes.len().min(64)];
        head.len() >= 16 && head.iter().skip(at).step_by(2).all(|&b| b == 0)
    };
    if bytes.starts_with(b"\xff\xfe") || every_second_is_zero(1) {
        Some("it is UTF-16, little endian")
    } else if bytes.starts_with(b"\xfe\xff") || every_second_is_zero(0) {
        Some("it is UTF-16, big endian")
    } else {
        None
    }
}
