//! A table's columns and rows, measured.

use super::letters::{Letters, Style};
use super::{numeric, width};

/// Letters of a table and of its head.
pub(super) const CELL: Style = Style::new(9.0, false, 34);
pub(super) const HEAD: Style = Style::new(9.0, true, 34);
/// Left and right of a cell, points; less where there are many columns.
const PAD: f32 = 4.0;
/// Above and below a cell, points.
pub(super) const ROOM: f32 = 2.5;

/// A row: of each cell its lines.
pub(super) struct Row {
    pub cells: Vec<Vec<String>>,
}

impl Row {
    /// How many lines its longest cell has.
    pub fn lines(&self) -> usize {
        self.cells.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// How high it is, points.
    pub fn height(&self, style: Style) -> f32 {
        self.lines() as f32 * style.step() + 2.0 * ROOM
    }
}

/// A column's place, points from the left margin.
pub(super) struct Column {
    pub left: f32,
    pub width: f32,
    /// Its cells stand to the right.
    pub right: bool,
}

/// A table in lines.
pub(super) struct Grid {
    pub columns: Vec<Column>,
    /// How wide it is with the room beside its cells, points.
    pub width: f32,
    /// Without texts where no column has a head.
    pub head: Option<Row>,
    pub rows: Vec<Row>,
}

impl Grid {
    /// A table in `room` points; none where it has no columns.
    pub fn new(
        letters: &Letters,
        columns: &[String],
        rows: &[Vec<String>],
        room: f32,
    ) -> Option<Self> {
        let count = width(columns, rows);
        if count == 0 {
            return None;
        }
        let cells = |row: &[String]| -> Vec<String> {
            (0..count)
                .map(|i| {
                    row.get(i)
                        .map(|cell| letters.shown(cell))
                        .unwrap_or_default()
                })
                .collect()
        };
        let head = cells(columns);
        let rows: Vec<Vec<String>> = rows.iter().map(|row| cells(row)).collect();
        let pad = PAD.min(room / (4.0 * count as f32));
        let widths = widths(letters, &head, &rows, room - 2.0 * pad * count as f32);
        let right = numeric(count, &rows);
        let mut left = 0.0;
        let mut places = Vec::with_capacity(count);
        for (width, right) in widths.iter().zip(right) {
            places.push(Column {
                left: left + pad,
                width: *width,
                right,
            });
            left += width + 2.0 * pad;
        }
        let broken = |row: &[String], style| Row {
            cells: row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| letters.lines(cell, *width, style))
                .collect(),
        };
        Some(Self {
            columns: places,
            width: left,
            head: head
                .iter()
                .any(|cell| !cell.is_empty())
                .then(|| broken(&head, HEAD)),
            rows: rows.iter().map(|row| broken(row, CELL)).collect(),
        })
    }

    /// The height of the head, points.
    pub fn head_height(&self) -> f32 {
        self.head.as_ref().map_or(0.0, |row| row.height(HEAD))
    }

    /// The height of what must stand together at its start, points: the head and the first row.
    pub fn lead(&self) -> f32 {
        self.head_height() + self.rows.first().map_or(0.0, |row| row.height(CELL))
    }
}

/// Widths of columns that take `room` points together at most: as wide as their texts where that goes, else shared out, first to the longest
/// words.
fn widths(letters: &Letters, head: &[String], rows: &[Vec<String>], room: f32) -> Vec<f32> {
    let most = |index: usize, of: &dyn Fn(&str, Style) -> f32| {
        rows.iter()
            .map(|row| of(&row[index], CELL))
            .fold(of(&head[index], HEAD), f32::max)
    };
    let count = head.len();
    let natural: Vec<f32> = (0..count)
        .map(|i| most(i, &|text, style| letters.length(text, style)))
        .collect();
    if natural.iter().sum::<f32>() <= room {
        return natural;
    }
    let least: Vec<f32> = (0..count)
        .map(|i| most(i, &|text, style| letters.longest_word(text, style)))
        .collect();
    let least_sum: f32 = least.iter().sum();
    if least_sum > room {
        return capped(&least, room);
    }
    let more: f32 = natural.iter().sum::<f32>() - least_sum;
    let share = (room - least_sum) / more.max(f32::MIN_POSITIVE);
    natural
        .iter()
        .zip(&least)
        .map(|(natural, least)| least + share * (natural - least))
        .collect()
}

/// The widths, the widest cut to one width so that they take `room` together.
fn capped(widths: &[f32], room: f32) -> Vec<f32> {
    let mut sorted = widths.to_vec();
    sorted.sort_by(f32::total_cmp);
    let mut left = room;
    let mut cap = 0.0;
    for (index, width) in sorted.iter().enumerate() {
        cap = left / (sorted.len() - index) as f32;
        if *width > cap {
            break;
        }
        left -= width;
    }
    widths.iter().map(|width| width.min(cap)).collect()
}
