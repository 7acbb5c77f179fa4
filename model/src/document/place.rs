//! Blocks onto sheets of paper.

use krilla::image::Image;

use super::grid::{CELL, Column, Grid, HEAD, ROOM, Row};
use super::letters::{Letters, Style};
use super::{Block, Document};

/// A4, points.
pub(super) const PAPER: [f32; 2] = [595.276, 841.89];
/// Left and right, above, below: 20 mm and a little more, points.
pub(super) const MARGIN: f32 = 58.0;
/// Where what is written ends, points from the top.
const BOTTOM: f32 = PAPER[1] - MARGIN;
/// How wide lines are, points.
pub(super) const WIDE: f32 = PAPER[0] - 2.0 * MARGIN;
/// How high what is written can be on one sheet, points.
const HIGH: f32 = BOTTOM - MARGIN;

const TITLE: Style = Style::new(20.0, true, 20);
const HEADINGS: [Style; 3] = [
    Style::new(14.5, true, 20),
    Style::new(12.0, true, 20),
    Style::new(10.5, true, 20),
];
const BODY: Style = Style::new(10.0, false, 34);
const CAPTION: Style = Style::new(9.0, false, 112);
/// Between paragraphs, points.
const GAP: f32 = 7.0;
/// How far a list's points are set in, points.
const INDENT: f32 = 14.0;
/// The resolution a picture has unless it is too large, points per pixel (144 per inch).
const PIXEL: f32 = 0.5;
/// The highest a picture may be, points.
const PICTURE: f32 = 0.75 * HIGH;

/// What is drawn on a sheet; places in points from its top left corner.
pub(super) enum Mark {
    /// Letters from `left` on along the base line.
    Letters {
        left: f32,
        base: f32,
        style: Style,
        text: String,
    },
    /// A line across.
    Line {
        left: f32,
        y: f32,
        length: f32,
        thick: f32,
        gray: u8,
    },
    /// A picture.
    Picture {
        left: f32,
        top: f32,
        size: [f32; 2],
        image: Image,
    },
}

/// A block, measured.
enum Piece {
    Lines {
        lines: Vec<String>,
        style: Style,
        /// Before it, unless it starts a sheet, points.
        before: f32,
        /// With a bullet, set in.
        point: bool,
        /// Kept with what follows.
        heading: bool,
    },
    Grid(Grid),
    Picture {
        image: Image,
        size: [f32; 2],
        caption: Vec<String>,
    },
    Rule,
}

impl Piece {
    /// What must stand together at its start, points.
    fn lead(&self) -> f32 {
        match self {
            Self::Lines {
                lines,
                style,
                before,
                heading,
                ..
            } => {
                let least = if *heading { lines.len() } else { 2 };
                before + lines.len().min(least) as f32 * style.step()
            }
            Self::Grid(grid) => GAP + grid.lead(),
            Self::Picture { size, caption, .. } => {
                GAP + size[1] + 3.0 + caption.len() as f32 * CAPTION.step()
            }
            Self::Rule => 3.0 * GAP,
        }
    }

    fn is_heading(&self) -> bool {
        matches!(self, Self::Lines { heading: true, .. })
    }
}

/// Lays a document out; `pictures` are its pictures in order.
pub(super) fn sheets(document: &Document, letters: &Letters, pictures: &[Image]) -> Vec<Vec<Mark>> {
    let mut pieces = vec![heading(letters, &document.title, TITLE, 0.0)];
    let mut pictures = pictures.iter();
    for block in &document.blocks {
        measure(block, letters, &mut pictures, &mut pieces);
    }
    let mut flow = Flow {
        sheets: vec![Vec::new()],
        y: MARGIN,
    };
    for (index, piece) in pieces.iter().enumerate() {
        flow.put(piece, together(&pieces[index..]), letters);
    }
    flow.sheets
}

fn heading(letters: &Letters, text: &str, style: Style, before: f32) -> Piece {
    Piece::Lines {
        lines: letters.lines(&letters.shown(text), WIDE, style),
        style,
        before,
        point: false,
        heading: true,
    }
}

fn measure<'a>(
    block: &Block,
    letters: &Letters,
    pictures: &mut impl Iterator<Item = &'a Image>,
    pieces: &mut Vec<Piece>,
) {
    let lines = |text: &str, point: bool| {
        let wide = if point { WIDE - INDENT } else { WIDE };
        Piece::Lines {
            lines: letters.lines(&letters.shown(text), wide, BODY),
            style: BODY,
            before: GAP,
            point,
            heading: false,
        }
    };
    match block {
        Block::Heading(level, text) => {
            let style = HEADINGS[usize::from(level.clamp(&1, &3) - 1)];
            pieces.push(heading(letters, text, style, 1.2 * style.size));
        }
        Block::Text(text) if letters.shown(text).is_empty() => {}
        Block::Text(text) => pieces.push(lines(text, false)),
        Block::List(points) => {
            for (index, text) in points.iter().enumerate() {
                let mut piece = lines(text, true);
                if let (1.., Piece::Lines { before, .. }) = (index, &mut piece) {
                    *before *= 0.4;
                }
                pieces.push(piece);
            }
        }
        Block::Table { columns, rows } => {
            pieces.extend(Grid::new(letters, columns, rows, WIDE).map(Piece::Grid));
        }
        Block::Picture { caption, .. } => {
            if let Some(image) = pictures.next() {
                let caption = letters.shown(caption);
                pieces.push(Piece::Picture {
                    size: fitted(image.size()),
                    image: image.clone(),
                    caption: if caption.is_empty() {
                        Vec::new()
                    } else {
                        letters.lines(&caption, WIDE, CAPTION)
                    },
                });
            }
        }
        Block::Rule => pieces.push(Piece::Rule),
    }
}

/// The size of a picture of so many pixels, points.
fn fitted((width, height): (u32, u32)) -> [f32; 2] {
    let (width, height) = (width.max(1) as f32, height.max(1) as f32);
    let scale = PIXEL.min(WIDE / width).min(PICTURE / height);
    [width * scale, height * scale]
}

/// How much must stand together at the start of these, points; no more than a sheet holds.
fn together(pieces: &[Piece]) -> f32 {
    let mut height = 0.0;
    for piece in pieces {
        height += piece.lead();
        if !piece.is_heading() || height > HIGH {
            break;
        }
    }
    height
}

/// Sheets that are being filled.
struct Flow {
    sheets: Vec<Vec<Mark>>,
    /// Where the next goes, points from the top.
    y: f32,
}

impl Flow {
    fn mark(&mut self, mark: Mark) {
        if let Some(sheet) = self.sheets.last_mut() {
            sheet.push(mark);
        }
    }

    fn fresh(&self) -> bool {
        self.sheets.last().is_none_or(Vec::is_empty)
    }

    fn turn(&mut self) {
        self.sheets.push(Vec::new());
        self.y = MARGIN;
    }

    /// Goes to the next sheet where so much does not fit any more.
    fn ask(&mut self, height: f32) {
        if self.y + height > BOTTOM && !self.fresh() {
            self.turn();
        }
    }

    fn put(&mut self, piece: &Piece, together: f32, letters: &Letters) {
        self.ask(together);
        if !self.fresh() {
            self.y += match piece {
                Piece::Lines { before, .. } => *before,
                Piece::Grid(_) | Piece::Picture { .. } => GAP,
                Piece::Rule => 2.0 * GAP,
            };
        }
        match piece {
            Piece::Lines {
                lines,
                style,
                point,
                ..
            } => self.lines(lines, *style, *point),
            Piece::Grid(grid) => self.grid(grid, letters),
            Piece::Picture {
                image,
                size,
                caption,
            } => {
                self.mark(Mark::Picture {
                    left: MARGIN,
                    top: self.y,
                    size: *size,
                    image: image.clone(),
                });
                self.y += size[1] + 3.0;
                self.lines(caption, CAPTION, false);
            }
            Piece::Rule => {
                self.line(WIDE, 0.7, 112);
                self.y += GAP;
            }
        }
    }

    fn line(&mut self, length: f32, thick: f32, gray: u8) {
        let y = self.y;
        self.mark(Mark::Line {
            left: MARGIN,
            y,
            length,
            thick,
            gray,
        });
    }

    fn lines(&mut self, lines: &[String], style: Style, point: bool) {
        let left = MARGIN + if point { INDENT } else { 0.0 };
        for (index, line) in lines.iter().enumerate() {
            self.ask(style.step());
            let base = self.y + style.rise();
            if point && index == 0 {
                self.mark(Mark::Letters {
                    left: MARGIN + 3.0,
                    base,
                    style,
                    text: "•".to_owned(),
                });
            }
            self.mark(Mark::Letters {
                left,
                base,
                style,
                text: line.clone(),
            });
            self.y += style.step();
        }
    }

    fn grid(&mut self, grid: &Grid, letters: &Letters) {
        self.head(grid, letters);
        for row in &grid.rows {
            let height = row.height(CELL);
            if self.y + height > BOTTOM && height <= HIGH - grid.head_height() {
                self.next(grid, letters);
            }
            let mut from = 0;
            // A row higher than a sheet goes on on the next.
            while from < row.lines() {
                let fit = ((BOTTOM - self.y - 2.0 * ROOM) / CELL.step()).floor() as usize;
                if fit == 0 {
                    self.next(grid, letters);
                    continue;
                }
                let upto = row.lines().min(from + fit);
                self.row(&grid.columns, row, from..upto, CELL, letters);
                self.line(grid.width, 0.3, 206);
                from = upto;
                if from < row.lines() {
                    self.next(grid, letters);
                }
            }
        }
    }

    /// The next sheet, with the table's head again.
    fn next(&mut self, grid: &Grid, letters: &Letters) {
        self.turn();
        if grid.head_height() < HIGH / 3.0 {
            self.head(grid, letters);
        }
    }

    fn head(&mut self, grid: &Grid, letters: &Letters) {
        let Some(head) = &grid.head else { return };
        let mut from = 0;
        while from < head.lines() {
            let fit = ((BOTTOM - self.y - 2.0 * ROOM) / HEAD.step()).floor() as usize;
            let upto = head.lines().min(from + fit.max(1));
            self.row(&grid.columns, head, from..upto, HEAD, letters);
            from = upto;
            if from < head.lines() {
                self.turn();
            }
        }
        self.line(grid.width, 0.9, 112);
    }

    /// Some lines of a row.
    fn row(
        &mut self,
        columns: &[Column],
        row: &Row,
        lines: std::ops::Range<usize>,
        style: Style,
        letters: &Letters,
    ) {
        let top = self.y + ROOM;
        for (column, cell) in columns.iter().zip(&row.cells) {
            let some = cell.get(lines.start..lines.end.min(cell.len()));
            for (index, text) in some.unwrap_or_default().iter().enumerate() {
                let free = if column.right {
                    column.width - letters.length(text, style)
                } else {
                    0.0
                };
                self.mark(Mark::Letters {
                    left: MARGIN + column.left + free,
                    base: top + index as f32 * style.step() + style.rise(),
                    style,
                    text: text.clone(),
                });
            }
        }
        self.y += lines.len() as f32 * style.step() + 2.0 * ROOM;
    }
}
