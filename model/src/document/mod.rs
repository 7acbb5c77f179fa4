//! One list of blocks as Markdown, HTML or PDF.
//!
//! Text is plain: nothing in it is markup, white space of any kind is one space. The same document gives the same bytes every time.

mod grid;
mod html;
mod letters;
mod markdown;
mod pdf;
mod place;
#[cfg(test)]
mod tests;

/// Roboto Regular, cut down to Latin, Greek and a few signs; see `model/fonts/README.md`.
pub const REGULAR: &[u8] = include_bytes!("../../fonts/Roboto-Regular.ttf");
/// Roboto Medium, cut down to the same.
pub const MEDIUM: &[u8] = include_bytes!("../../fonts/Roboto-Medium.ttf");

/// A document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document {
    /// What it is called, on top of it and in a PDF's metadata.
    pub title: String,
    /// What it says, in order.
    pub blocks: Vec<Block>,
}

/// A part of a document that stands by itself. Texts are plain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// A heading below the title, of level 1 to 3; other levels are taken as the nearest of these.
    Heading(u8, String),
    /// A paragraph.
    Text(String),
    /// Points of a list.
    List(Vec<String>),
    /// A table. Cells that a row lacks are empty; columns that only a row has are without a head. Columns of numbers stand to the right.
    Table {
        /// The heads of the columns.
        columns: Vec<String>,
        /// The cells, row by row.
        rows: Vec<Vec<String>>,
    },
    /// A picture, as wide as the page at most.
    Picture {
        /// A PNG file.
        png: Vec<u8>,
        /// What it shows, below it.
        caption: String,
    },
    /// A line across, to part what stands above from what stands below, or to sign on.
    Rule,
}

/// Why a document cannot be laid out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// A font that is part of the program cannot be read.
    #[error("the built-in font is damaged: build the program again")]
    Font,
    /// A picture that is no PNG.
    #[error("picture {number} ({caption:?}) cannot be read as PNG: {reason}")]
    Picture {
        /// Which one, counted from 1.
        number: usize,
        /// Its caption.
        caption: String,
        /// What the reader says.
        reason: String,
    },
    /// The file cannot be written.
    #[error("the PDF cannot be written: {0}")]
    Pdf(String),
}

impl Document {
    /// An empty document.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            blocks: Vec::new(),
        }
    }

    /// As Markdown (CommonMark with GitHub's tables), pictures within as `data:` addresses. Whatever stands in a text reads as that text.
    #[must_use]
    pub fn markdown(&self) -> String {
        markdown::write(self)
    }

    /// As one HTML page that needs nothing beside it and prints well.
    #[must_use]
    pub fn html(&self) -> String {
        html::write(self)
    }

    /// As PDF on A4. Letters that the fonts lack come out as `?`.
    ///
    /// # Errors
    /// A picture that is no PNG; the PDF library's own limits.
    pub fn pdf(&self) -> Result<Vec<u8>, DocumentError> {
        pdf::write(self)
    }
}

/// How many columns a table has: as many as its longest row.
fn width(columns: &[String], rows: &[Vec<String>]) -> usize {
    rows.iter().map(Vec::len).fold(columns.len(), usize::max)
}

/// The columns that hold numbers only, which stand to the right.
fn numeric(width: usize, rows: &[Vec<String>]) -> Vec<bool> {
    let number = |cell: &str| cell.replace('−', "-").parse::<f64>().is_ok();
    let column = |index: usize| {
        let mut cells = rows.iter().filter_map(|row| row.get(index));
        let mut some = false;
        cells.all(|cell| {
            let cell = cell.trim();
            some |= !cell.is_empty();
            cell.is_empty() || number(cell)
        }) && some
    };
    (0..width).map(column).collect()
}

/// A text on one line: white space of any kind is one space, none at the ends; no-break spaces stay. Controls, also those that turn the
/// direction of writing, become U+FFFD, so that they are seen and not obeyed.
fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{a0}' | '\u{2007}' | '\u{202f}' => out.push('\u{a0}'),
            c if c.is_whitespace() => {
                if !out.is_empty() && !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            '\u{feff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                out.push(char::REPLACEMENT_CHARACTER);
            }
            c if c.is_control() => out.push(char::REPLACEMENT_CHARACTER),
            c => out.push(c),
        }
    }
    out.truncate(out.trim_end_matches(' ').len());
    out
}
