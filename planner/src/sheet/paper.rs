//! The paper: the smallest size that holds the scalp at true scale.

/// Width, height (mm) and name, smallest first. Source: ISO 216.
const SIZES: [(f64, f64, &str); 8] = [
    (210.0, 297.0, "A4"),
    (297.0, 210.0, "A4 landscape"),
    (297.0, 420.0, "A3"),
    (420.0, 297.0, "A3 landscape"),
    (420.0, 594.0, "A2"),
    (594.0, 420.0, "A2 landscape"),
    (594.0, 841.0, "A1"),
    (841.0, 594.0, "A1 landscape"),
];
/// What a printer leaves white.
pub(super) const EDGE: f64 = 8.0;
/// Height of title and legend.
pub(super) const TITLE: f64 = 16.0;
pub(super) const LEGEND: f64 = 30.0;
/// Bare skin around the dots.
const AROUND: f64 = 4.0;

/// A page, millimetres.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Paper {
    pub width: f64,
    pub height: f64,
    pub name: String,
    /// Plane coordinates in the middle of the map.
    middle: [f64; 2],
}

impl Paper {
    /// The smallest page for a map from `low` to `high`, plane millimetres; a page of its own where none is large enough.
    pub fn that_holds(low: [f64; 2], high: [f64; 2]) -> Self {
        let width = high[0] - low[0] + 2.0 * (AROUND + EDGE);
        let height = high[1] - low[1] + 2.0 * (AROUND + EDGE) + TITLE + LEGEND;
        let middle = [0.5 * (low[0] + high[0]), 0.5 * (low[1] + high[1])];
        let fits = SIZES
            .into_iter()
            .find(|(w, h, _)| *w >= width && *h >= height);
        let (width, height, name) = fits.map_or_else(
            || (width.ceil(), height.ceil(), "own size".to_owned()),
            |(w, h, name)| (w, h, name.to_owned()),
        );
        Self {
            width,
            height,
            name,
            middle,
        }
    }

    /// The map's box: left, top, right, bottom.
    pub fn frame(&self) -> [f64; 4] {
        [
            EDGE,
            EDGE + TITLE,
            self.width - EDGE,
            self.height - EDGE - LEGEND,
        ]
    }

    /// Where a place in the plane is on the page; the nose is up.
    pub fn place(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let [left, top, right, bottom] = self.frame();
        [
            0.5 * (left + right) + x - self.middle[0],
            0.5 * (top + bottom) - y + self.middle[1],
        ]
    }

    /// Whether a place on the page is in the map's box.
    pub fn holds(&self, [x, y]: [f64; 2]) -> bool {
        let [left, top, right, bottom] = self.frame();
        (left..=right).contains(&x) && (top..=bottom).contains(&y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_page_that_holds_it_at_true_scale() {
        let paper = |w: f64, h: f64| Paper::that_holds([-w / 2.0, 10.0], [w / 2.0, 10.0 + h]);
        assert_eq!(paper(150.0, 200.0).name, "A4");
        assert_eq!(paper(200.0, 120.0).name, "A4 landscape");
        assert_eq!(paper(250.0, 250.0).name, "A3");
        assert_eq!(paper(300.0, 330.0).name, "A2");
        assert_eq!(paper(900.0, 900.0).name, "own size");
        let page = paper(150.0, 200.0);
        for corner in [[-75.0, 10.0], [75.0, 210.0]] {
            assert!(page.holds(page.place(corner)));
        }
        let (a, b) = (page.place([0.0, 0.0]), page.place([30.0, 40.0]));
        assert!(((a[0] - b[0]).hypot(a[1] - b[1]) - 50.0).abs() < 1e-12);
        assert!(b[1] < a[1], "towards the nose is up");
    }
}
