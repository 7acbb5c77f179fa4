//! A PLY's body, one element after the other: what is wanted is taken, the rest is passed over without being kept.

use ply_rs_bw::ply::{ElementDef, Encoding, PropertyType, ScalarType};

use super::super::error::ScanError;
use super::super::soup::excerpt;

/// What a property is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// A coordinate of a vertex: 0–2 x, y, z; 3–5 its normal.
    Value(usize),
    /// The corners of a face or strip.
    Corners,
    /// Nothing here.
    Skip,
}

#[derive(Debug)]
enum Kind {
    One(ScalarType),
    Many(ScalarType, ScalarType),
}

/// The properties of one element in the order of the file.
#[derive(Debug)]
pub(super) struct Layout {
    name: String,
    count: usize,
    properties: Vec<(Use, Kind, String)>,
}

/// One element that was read; of a vertex the values, of a face or strip the corners.
#[derive(Debug, Default)]
pub(super) struct Item {
    /// x, y, z, nx, ny, nz.
    pub values: [f64; 6],
    /// Vertex numbers as they stand in the file.
    pub corners: Vec<i64>,
}

/// What is done with each element.
pub(super) type Take<'t> = &'t mut dyn FnMut(&Item) -> Result<(), ScanError>;

impl Layout {
    /// From the header.
    pub fn new(definition: &ElementDef) -> Result<Self, ScanError> {
        let mut properties = Vec::new();
        for (name, property) in &definition.properties {
            let used = match name.as_str() {
                "x" => Use::Value(0),
                "y" => Use::Value(1),
                "z" => Use::Value(2),
                "nx" => Use::Value(3),
                "ny" => Use::Value(4),
                "nz" => Use::Value(5),
                "vertex_indices" | "vertex_index" => Use::Corners,
                _ => Use::Skip,
            };
            let kind = match &property.data_type {
                PropertyType::Scalar(t) => Kind::One(t.clone()),
                PropertyType::List(c, t) => Kind::Many(c.clone(), t.clone()),
            };
            let (used, kind) = match (used, kind) {
                (Use::Corners, Kind::Many(c, t)) if is_integer(&t) => {
                    (Use::Corners, Kind::Many(c, t))
                }
                (Use::Corners, _) => {
                    let reason = format!("property \"{}\" is no list of integers", excerpt(name));
                    return Err(ScanError::Header { reason });
                }
                (Use::Value(_), Kind::Many(c, t)) => (Use::Skip, Kind::Many(c, t)),
                other => other,
            };
            if let Kind::Many(count, _) = &kind
                && !is_integer(count)
            {
                let reason = format!("the length of list \"{}\" is no integer", excerpt(name));
                return Err(ScanError::Header { reason });
            }
            properties.push((used, kind, name.clone()));
        }
        Ok(Self {
            name: definition.name.clone(),
            count: definition.count,
            properties,
        })
    }

    fn has(&self, value: usize) -> bool {
        self.properties
            .iter()
            .any(|(used, ..)| *used == Use::Value(value))
    }

    /// The first of x, y, z that is missing.
    pub fn missing_coordinate(&self) -> Option<&'static str> {
        ["x", "y", "z"]
            .into_iter()
            .enumerate()
            .find(|(i, _)| !self.has(*i))
            .map(|(_, name)| name)
    }

    /// Whether it carries normals.
    pub fn has_normals(&self) -> bool {
        (3..6).all(|i| self.has(i))
    }

    /// Whether it carries corners.
    pub fn has_corners(&self) -> bool {
        self.properties
            .iter()
            .any(|(used, ..)| *used == Use::Corners)
    }

    /// Bytes of one element if all are equally long.
    fn stride(&self) -> Option<usize> {
        self.properties.iter().try_fold(0, |sum, (_, kind, _)| {
            if let Kind::One(t) = kind {
                Some(sum + width(t))
            } else {
                None
            }
        })
    }

    fn truncated(&self, read: usize) -> ScanError {
        ScanError::Truncated {
            element: excerpt(&self.name),
            read,
            declared: self.count,
        }
    }
}

const fn is_integer(kind: &ScalarType) -> bool {
    !matches!(kind, ScalarType::Float | ScalarType::Double)
}

pub(super) const fn width(kind: &ScalarType) -> usize {
    match kind {
        ScalarType::Char | ScalarType::UChar => 1,
        ScalarType::Short | ScalarType::UShort => 2,
        ScalarType::Int | ScalarType::UInt | ScalarType::Float => 4,
        ScalarType::Double => 8,
    }
}

/// Where in the body the reading stands.
pub(super) enum Body<'a> {
    /// Numbers as text.
    Text(Lines<'a>),
    /// Numbers as bytes.
    Binary(Bytes<'a>),
}

impl<'a> Body<'a> {
    /// The body after the header; `line` is the number of the header's last line.
    pub fn new(encoding: &Encoding, body: &'a [u8], line: usize) -> Self {
        match encoding {
            Encoding::Ascii => Self::Text(Lines { rest: body, line }),
            Encoding::BinaryBigEndian => Self::Binary(Bytes {
                rest: body,
                big: true,
            }),
            Encoding::BinaryLittleEndian => Self::Binary(Bytes {
                rest: body,
                big: false,
            }),
        }
    }

    /// Reads all of one element and hands each over; with `None` they are only passed over.
    pub fn read(&mut self, layout: &Layout, mut take: Option<Take<'_>>) -> Result<(), ScanError> {
        if take.is_none()
            && let (Self::Binary(bytes), Some(stride)) = (&mut *self, layout.stride())
        {
            let there = bytes.rest.len() / stride.max(1);
            if there < layout.count {
                return Err(layout.truncated(there));
            }
            bytes.rest = &bytes.rest[stride * layout.count..];
            return Ok(());
        }
        let mut item = Item::default();
        for read in 0..layout.count {
            item.corners.clear();
            match self {
                Self::Binary(bytes) => bytes
                    .item(layout, &mut item)?
                    .ok_or_else(|| layout.truncated(read))?,
                Self::Text(lines) => lines.item(layout, &mut item, read)?,
            }
            if let Some(take) = take.as_deref_mut() {
                take(&item)?;
            }
        }
        Ok(())
    }

    /// Bytes that no element has claimed, blanks at the end left out.
    pub fn left_over(&self) -> usize {
        let rest = match self {
            Self::Text(lines) => lines.rest,
            Self::Binary(bytes) => bytes.rest,
        };
        let blank = |b: &&u8| **b == 0 || b.is_ascii_whitespace();
        rest.len() - rest.iter().rev().take_while(blank).count()
    }
}

/// A binary body.
pub(super) struct Bytes<'a> {
    rest: &'a [u8],
    big: bool,
}

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        let mut head = *head;
        if self.big {
            head.reverse();
        }
        Some(head)
    }

    /// One integer; a floating-point one is none.
    fn integer(&mut self, kind: &ScalarType) -> Option<i64> {
        Some(match kind {
            ScalarType::Char => i8::from_le_bytes(self.take()?).into(),
            ScalarType::UChar => u8::from_le_bytes(self.take()?).into(),
            ScalarType::Short => i16::from_le_bytes(self.take()?).into(),
            ScalarType::UShort => u16::from_le_bytes(self.take()?).into(),
            ScalarType::Int => i32::from_le_bytes(self.take()?).into(),
            ScalarType::UInt => u32::from_le_bytes(self.take()?).into(),
            ScalarType::Float | ScalarType::Double => return None,
        })
    }

    fn number(&mut self, kind: &ScalarType) -> Option<f64> {
        match kind {
            ScalarType::Float => Some(f32::from_le_bytes(self.take()?).into()),
            ScalarType::Double => Some(f64::from_le_bytes(self.take()?)),
            // At most 32 bits: exact.
            _ => self.integer(kind).map(|i| i as f64),
        }
    }

    /// One element; `None` at the end of the file.
    fn item(&mut self, layout: &Layout, item: &mut Item) -> Result<Option<()>, ScanError> {
        for (used, kind, name) in &layout.properties {
            match kind {
                Kind::One(kind) => {
                    let Some(value) = self.number(kind) else {
                        return Ok(None);
                    };
                    if let Use::Value(i) = used {
                        item.values[*i] = value;
                    }
                }
                Kind::Many(count, kind) => {
                    let Some(count) = self.integer(count) else {
                        return Ok(None);
                    };
                    let Ok(count) = usize::try_from(count) else {
                        let reason = format!("list \"{}\" has a negative length", excerpt(name));
                        return Err(ScanError::Body { line: None, reason });
                    };
                    // Held against what is there before anything is taken for it.
                    let Some(bytes) = count
                        .checked_mul(width(kind))
                        .filter(|b| *b <= self.rest.len())
                    else {
                        return Ok(None);
                    };
                    if *used == Use::Corners {
                        for _ in 0..count {
                            item.corners.extend(self.integer(kind));
                        }
                    } else {
                        self.rest = &self.rest[bytes..];
                    }
                }
            }
        }
        Ok(Some(()))
    }
}

/// A text body: one line an element, as the format says.
pub(super) struct Lines<'a> {
    rest: &'a [u8],
    line: usize,
}

impl<'a> Lines<'a> {
    /// The next line that is not blank.
    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.rest.is_empty() {
            let end = self.rest.iter().position(|b| matches!(b, b'\n' | b'\r'));
            let (line, rest) = end.map_or((self.rest, &[][..]), |end| {
                let pair = self.rest[end..].starts_with(b"\r\n");
                (&self.rest[..end], &self.rest[end + 1 + usize::from(pair)..])
            });
            self.rest = rest;
            self.line += 1;
            if !line.trim_ascii().is_empty() {
                return Some(line);
            }
        }
        None
    }

    fn item(&mut self, layout: &Layout, item: &mut Item, read: usize) -> Result<(), ScanError> {
        let line = self.next().ok_or_else(|| layout.truncated(read))?;
        let last = self.rest.is_empty();
        let number = self.line;
        let bad = |what: &'static str| ScanError::BadLine {
            line: number,
            what,
            text: excerpt(&String::from_utf8_lossy(&line[..line.len().min(240)])),
        };
        let mut words = line
            .split(|b| b.is_ascii_whitespace())
            .filter(|w| !w.is_empty())
            .map(|w| std::str::from_utf8(w).unwrap_or_default());
        // A last line without its end was cut; any other that is too short is wrong.
        let short = || {
            if last {
                layout.truncated(read)
            } else {
                bad("fewer numbers than the header declares")
            }
        };
        for (used, kind, _) in &layout.properties {
            match kind {
                Kind::One(_) => {
                    let word = words.next().ok_or_else(short)?;
                    if let Use::Value(i) = used {
                        item.values[*i] = word.parse().map_err(|_| bad("no number"))?;
                    }
                }
                Kind::Many(..) => {
                    let word = words.next().ok_or_else(short)?;
                    let count: usize = word.parse().map_err(|_| bad("no list length"))?;
                    for _ in 0..count {
                        let word = words.next().ok_or_else(short)?;
                        if *used == Use::Corners {
                            item.corners
                                .push(word.parse().map_err(|_| bad("no vertex number"))?);
                        }
                    }
                }
            }
        }
        if words.next().is_some() {
            return Err(bad("more numbers than the header declares"));
        }
        Ok(())
    }
}
