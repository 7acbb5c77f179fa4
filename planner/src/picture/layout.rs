//! The measures that both pages share, pixels: five columns between two edges.

/// White on both sides, a column's width, and between two columns.
pub(super) const EDGE: u32 = 60;
pub(super) const COLUMN: u32 = 655;
pub(super) const GAP: u32 = 20;
/// Columns: one for each view.
const COLUMNS: u32 = 5;
pub(super) const WIDTH: u32 = 2 * EDGE + COLUMNS * COLUMN + (COLUMNS - 1) * GAP;
/// Where the views begin, under the title.
pub(super) const VIEWS_TOP: u32 = 206;

/// The left end of a column, counted from 0.
pub(super) const fn left(column: u32) -> u32 {
    EDGE + column * (COLUMN + GAP)
}

/// The width of some columns side by side.
pub(super) const fn across(columns: u32) -> u32 {
    columns * (COLUMN + GAP) - GAP
}
