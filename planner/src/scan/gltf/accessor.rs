//! Numbers out of a glTF's buffers; every offset is held against what is there.

use std::borrow::Cow;

use base64::Engine as _;
use gltf::json::accessor::{ComponentType, Type};
use gltf::json::validation::Checked;
use gltf::json::{Accessor, Root};
use nalgebra::Vector3;
use stipple_model::digest::Digest;

use super::super::LARGEST_FILE;
use super::super::error::ScanError;
use super::super::soup::{MOST_ELEMENTS, excerpt};
use super::{Beside, GltfError};

/// How many times over the bytes that a file holds may be read in all. Source: this project's own; scans name each byte once, but parts
/// may stand in the scene more than once.
const READ_OVER: u64 = 4;
/// So many bytes may be read in any case: small parts may stand in the scene many times.
const READ_FREELY: u64 = 1 << 20;

/// The buffers of one file, each read when it is first asked for.
pub(super) struct Buffers<'a> {
    root: &'a Root,
    bin: Option<&'a [u8]>,
    beside: Beside<'a>,
    read: Vec<Option<Cow<'a, [u8]>>>,
    /// Bytes held: of the file, and of buffers beside it.
    held: u64,
    /// Bytes that accessors have named so far.
    named: u64,
    /// Digests of the files read beside the scan.
    pub digests: Vec<Digest>,
}

/// Where an accessor's numbers lie.
struct Place {
    buffer: usize,
    start: usize,
    stride: usize,
    count: usize,
    kind: ComponentType,
    normalized: bool,
}

fn missing(what: &'static str, index: usize, of: usize) -> GltfError {
    GltfError::Missing { what, index, of }
}

const fn size(kind: ComponentType) -> usize {
    match kind {
        ComponentType::I8 | ComponentType::U8 => 1,
        ComponentType::I16 | ComponentType::U16 => 2,
        ComponentType::U32 | ComponentType::F32 => 4,
    }
}

impl<'a> Buffers<'a> {
    pub fn new(root: &'a Root, bin: Option<&'a [u8]>, beside: Beside<'a>, held: usize) -> Self {
        Self {
            root,
            bin,
            beside,
            read: vec![None; root.buffers.len()],
            held: held as u64,
            named: 0,
            digests: Vec::new(),
        }
    }

    /// Vectors of three numbers.
    pub fn vectors(&mut self, accessor: usize) -> Result<Vec<Vector3<f64>>, ScanError> {
        let place = self.place(accessor, Type::Vec3)?;
        let bytes = self.bytes(place.buffer)?;
        let width = size(place.kind);
        let vector = |k: usize| {
            let at = place.start + k * place.stride;
            let c = [0, 1, 2].map(|axis| {
                number(
                    bytes.get(at + axis * width..).unwrap_or_default(),
                    place.kind,
                    place.normalized,
                )
            });
            Vector3::from(c)
        };
        Ok((0..place.count).map(vector).collect())
    }

    /// Whole numbers.
    pub fn indices(&mut self, accessor: usize) -> Result<Vec<i64>, ScanError> {
        let place = self.place(accessor, Type::Scalar)?;
        if !matches!(
            place.kind,
            ComponentType::U8 | ComponentType::U16 | ComponentType::U32
        ) {
            let reason = "should hold indices and holds no unsigned integers";
            return Err(GltfError::Accessor { accessor, reason }.into());
        }
        let bytes = self.bytes(place.buffer)?;
        let index = |k: usize| {
            let at = place.start + k * place.stride;
            // At most 32 bits: exact.
            number(bytes.get(at..).unwrap_or_default(), place.kind, false) as i64
        };
        Ok((0..place.count).map(index).collect())
    }

    /// Finds an accessor's numbers and holds their end against the view and the buffer.
    fn place(&mut self, accessor: usize, wanted: Type) -> Result<Place, ScanError> {
        let root = self.root;
        let bad = |reason| GltfError::Accessor { accessor, reason };
        let found: &Accessor = root
            .accessors
            .get(accessor)
            .ok_or_else(|| missing("accessor", accessor, root.accessors.len()))?;
        let (Checked::Valid(kind), Checked::Valid(shape)) = (found.component_type, found.type_)
        else {
            return Err(bad("has an unknown type").into());
        };
        if shape != wanted {
            return Err(bad("has not the shape its use asks for").into());
        }
        if found.sparse.is_some() {
            return Err(bad("is sparse, which is not read").into());
        }
        let view = found
            .buffer_view
            .ok_or_else(|| bad("has no data (is it compressed?)"))?
            .value();
        let view = root
            .buffer_views
            .get(view)
            .ok_or_else(|| missing("buffer view", view, root.buffer_views.len()))?;
        let kind = kind.0;
        let element = size(kind) * shape.multiplicity();
        let stride = view.byte_stride.map_or(element, |s| s.0);
        if stride < element || stride > 255 {
            return Err(bad("has an impossible stride").into());
        }
        let count = usize::try_from(found.count.0).unwrap_or(usize::MAX);
        let offset = found.byte_offset.map_or(0, |o| o.0);
        let used = (count as u128).saturating_sub(1) * stride as u128 + element as u128;
        if count == 0 {
            return Err(bad("is empty").into());
        }
        if u128::from(offset) + used > u128::from(view.byte_length.0) {
            return Err(bad("reaches beyond its buffer view").into());
        }
        // Three indices a triangle.
        if count > 3 * MOST_ELEMENTS {
            return Err(ScanError::TooMany {
                vertices: count,
                triangles: 0,
                limit: MOST_ELEMENTS,
            });
        }
        let buffer = view.buffer.value();
        let available = self.bytes(buffer)?.len();
        self.charge((count * element) as u64)?;
        let view_start = view.byte_offset.map_or(0, |o| o.0);
        if u128::from(view_start) + u128::from(view.byte_length.0) > available as u128 {
            return Err(bad("has a buffer view that reaches beyond its buffer").into());
        }
        let start = usize::try_from(view_start + offset).unwrap_or(usize::MAX);
        Ok(Place {
            buffer,
            start,
            stride,
            count,
            kind,
            normalized: found.normalized,
        })
    }

    /// Counts what is taken, in bytes of the file.
    pub fn charge(&mut self, bytes: u64) -> Result<(), GltfError> {
        self.named = self.named.saturating_add(bytes);
        if self.named > READ_OVER * self.held + READ_FREELY {
            return Err(GltfError::ReadOver {
                named: self.named,
                held: self.held,
            });
        }
        Ok(())
    }

    fn bytes(&mut self, buffer: usize) -> Result<&[u8], ScanError> {
        let of = self.read.len();
        let slot = self
            .read
            .get_mut(buffer)
            .ok_or_else(|| missing("buffer", buffer, of))?;
        let declared = &self.root.buffers[buffer];
        if slot.is_none() {
            let bytes = match declared.uri.as_deref() {
                None => {
                    let bin = self.bin.filter(|_| buffer == 0).unwrap_or_default();
                    Cow::Borrowed(bin)
                }
                Some(uri) if uri.starts_with("data:") => Cow::Owned(decode(buffer, uri)?),
                Some(uri) => {
                    // All files together are held to what one file may have.
                    let bytes = (self.beside)(buffer, uri, LARGEST_FILE.saturating_sub(self.held))?;
                    self.held += bytes.len() as u64;
                    self.digests.push(Digest::of(&bytes));
                    Cow::Owned(bytes)
                }
            };
            if (bytes.len() as u64) < declared.byte_length.0 {
                return Err(GltfError::BufferShort {
                    buffer,
                    needed: declared.byte_length.0,
                    available: bytes.len(),
                }
                .into());
            }
            *slot = Some(bytes);
        }
        Ok(slot.as_deref().unwrap_or_default())
    }
}

fn decode(buffer: usize, uri: &str) -> Result<Vec<u8>, GltfError> {
    let bad = |reason| GltfError::DataUri { buffer, reason };
    let (head, data) = uri.split_once(',').ok_or_else(|| bad("without data"))?;
    if !head.ends_with(";base64") {
        return Err(bad("not in base64"));
    }
    base64::engine::general_purpose::STANDARD
        .decode(data)
        .map_err(|_| bad("no valid base64"))
}

/// One number; beyond the end it is NaN, which the check of the vertices refuses. Places are checked before, so it does not come to that.
fn number(bytes: &[u8], kind: ComponentType, normalized: bool) -> f64 {
    let raw = match kind {
        ComponentType::I8 => bytes
            .first_chunk()
            .map(|b| (f64::from(i8::from_le_bytes(*b)), 127.0)),
        ComponentType::U8 => bytes
            .first_chunk()
            .map(|b| (f64::from(u8::from_le_bytes(*b)), 255.0)),
        ComponentType::I16 => bytes
            .first_chunk()
            .map(|b| (f64::from(i16::from_le_bytes(*b)), 32_767.0)),
        ComponentType::U16 => bytes
            .first_chunk()
            .map(|b| (f64::from(u16::from_le_bytes(*b)), 65_535.0)),
        ComponentType::U32 => bytes
            .first_chunk()
            .map(|b| (f64::from(u32::from_le_bytes(*b)), f64::from(u32::MAX))),
        ComponentType::F32 => bytes
            .first_chunk()
            .map(|b| (f64::from(f32::from_le_bytes(*b)), 1.0)),
    };
    raw.map_or(f64::NAN, |(value, one)| {
        if normalized {
            (value / one).max(-1.0)
        } else {
            value
        }
    })
}

/// Reads a buffer that lies beside the scan: in its folder or below it, and nowhere else.
pub(in super::super) fn read_beside(
    scan: &std::path::Path,
    buffer: usize,
    uri: &str,
    limit: u64,
) -> Result<Vec<u8>, ScanError> {
    use std::path::{Component, Path};
    let not_beside = || GltfError::NotBeside {
        buffer,
        uri: excerpt(uri),
    };
    let name = percent_decoded(uri).ok_or_else(not_beside)?;
    let plain = Path::new(&name)
        .components()
        .all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    if !plain || name.contains(':') || name.contains('\\') || name.contains('\0') {
        return Err(not_beside().into());
    }
    let failed = |source| GltfError::Beside {
        buffer,
        uri: excerpt(uri),
        source,
    };
    let folder = match scan.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let folder = folder.canonicalize().map_err(failed)?;
    // A link may lead anywhere: what counts is where it ends.
    let path = folder.join(&name).canonicalize().map_err(failed)?;
    if !path.starts_with(&folder) {
        return Err(not_beside().into());
    }
    Ok(stipple_model::files::read_limited(&path, limit).map_err(failed)?)
}

/// The text with its `%41`s turned into bytes; `None` if that is no text.
fn percent_decoded(uri: &str) -> Option<String> {
    let mut out = Vec::with_capacity(uri.len());
    let mut bytes = uri.bytes();
    while let Some(b) = bytes.next() {
        if b == b'%' {
            let digit = |b: Option<u8>| char::from(b?).to_digit(16);
            let value = digit(bytes.next())? * 16 + digit(bytes.next())?;
            out.push(u8::try_from(value).ok()?);
        } else {
            out.push(b);
        }
    }
    String::from_utf8(out).ok()
}
