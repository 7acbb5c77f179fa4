//! Lines along which a field on a grid is zero.

use std::collections::BTreeMap;

/// A field sampled on a grid of the plane: `values[row * columns + column]`.
pub(super) struct Sampled {
    pub columns: usize,
    pub values: Vec<f64>,
}

/// Where a line crosses a grid edge: the edge's lower sample, and whether it runs to the next column or the next row.
type Crossing = (usize, bool);

impl Sampled {
    /// The lines on which the field is zero, as points in grid steps, each with positive values on its left.
    pub fn zero_lines(&self) -> Vec<Vec<[f64; 2]>> {
        let mut next: BTreeMap<Crossing, Vec<Crossing>> = BTreeMap::new();
        let rows = self.values.len() / self.columns.max(1);
        for row in 0..rows.saturating_sub(1) {
            for column in 0..self.columns.saturating_sub(1) {
                for (from, to) in self.cross(row * self.columns + column) {
                    next.entry(from).or_default().push(to);
                }
            }
        }
        let mut starts: Vec<Crossing> = ends(&next);
        let mut lines = Vec::new();
        // Open lines first, from their starts; what is left are rings.
        while let Some(start) = starts.pop().or_else(|| next.keys().next().copied()) {
            let mut line = vec![start];
            let mut at = start;
            while let Some(ways) = next.get_mut(&at) {
                let way = ways.pop();
                if ways.is_empty() {
                    next.remove(&at);
                }
                let Some(to) = way else { break };
                line.push(to);
                at = to;
                if at == start {
                    break;
                }
            }
            if line.len() > 1 {
                lines.push(line.into_iter().map(|c| self.place(c)).collect());
            }
        }
        lines
    }

    /// The pieces of line in the square whose corner with the smallest row and column is sample `i`.
    fn cross(&self, i: usize) -> Vec<(Crossing, Crossing)> {
        let corners = [i, i + 1, i + 1 + self.columns, i + self.columns];
        let sides: [Crossing; 4] = [
            (i, true),
            (i + 1, false),
            (i + self.columns, true),
            (i, false),
        ];
        let positive = corners.map(|c| self.values[c] > 0.0);
        // Walking round the square, the line leaves where positive turns to not positive and comes in where it turns back.
        let turn = |k: usize| (positive[k], positive[(k + 1) % 4]);
        let out: Vec<usize> = (0..4).filter(|k| turn(*k) == (true, false)).collect();
        let back: Vec<usize> = (0..4).filter(|k| turn(*k) == (false, true)).collect();
        match (&out[..], &back[..]) {
            ([o], [b]) => vec![(sides[*o], sides[*b])],
            ([o1, o2], [b1, b2]) => {
                let middle = corners.iter().map(|c| self.values[*c]).sum::<f64>() > 0.0;
                // A saddle: the middle decides which corners belong together.
                let after = |o: usize| {
                    [*b1, *b2]
                        .into_iter()
                        .find(|b| *b == (o + 1) % 4)
                        .unwrap_or(*b1)
                };
                let before = |o: usize| {
                    [*b1, *b2]
                        .into_iter()
                        .find(|b| *b == (o + 3) % 4)
                        .unwrap_or(*b2)
                };
                [*o1, *o2]
                    .into_iter()
                    .map(|o| (sides[o], sides[if middle { after(o) } else { before(o) }]))
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    fn place(&self, (i, across): Crossing) -> [f64; 2] {
        let other = if across { i + 1 } else { i + self.columns };
        let (a, b) = (self.values[i], self.values[other]);
        let part = if a == b {
            0.5
        } else {
            (a / (a - b)).clamp(0.0, 1.0)
        };
        let (row, column) = ((i / self.columns) as f64, (i % self.columns) as f64);
        if across {
            [column + part, row]
        } else {
            [column, row + part]
        }
    }
}

/// Crossings that a line leaves but none reaches.
fn ends(next: &BTreeMap<Crossing, Vec<Crossing>>) -> Vec<Crossing> {
    let reached: std::collections::BTreeSet<Crossing> = next.values().flatten().copied().collect();
    next.keys()
        .filter(|c| !reached.contains(c))
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled(n: usize, f: impl Fn(f64, f64) -> f64) -> Sampled {
        Sampled {
            columns: n,
            values: (0..n * n)
                .map(|i| f((i % n) as f64, (i / n) as f64))
                .collect(),
        }
    }

    #[test]
    fn a_disc_has_one_ring_of_its_radius() {
        let lines = sampled(41, |x, y| 15.0 - (x - 20.0).hypot(y - 20.0)).zero_lines();
        assert_eq!(lines.len(), 1);
        let ring = &lines[0];
        assert_eq!(ring.first(), ring.last());
        assert!(
            ring.iter()
                .all(|[x, y]| ((x - 20.0).hypot(y - 20.0) - 15.0).abs() < 0.05)
        );
        let turn: f64 = ring
            .windows(2)
            .map(|w| (w[0][0] - 20.0) * (w[1][1] - 20.0) - (w[1][0] - 20.0) * (w[0][1] - 20.0))
            .sum();
        assert!((turn.abs() / 2.0 / (std::f64::consts::PI * 225.0) - 1.0).abs() < 0.01);
    }

    #[test]
    fn a_half_plane_has_one_open_line_and_saddles_end() {
        let lines = sampled(20, |x, _| x - 7.25).zero_lines();
        assert_eq!(lines.len(), 1);
        assert!(lines[0].iter().all(|[x, _]| (x - 7.25).abs() < 1e-12));
        assert_eq!(lines[0].len(), 20);
        let checks = sampled(9, |x, y| if (x + y) % 2.0 == 0.0 { 1.0 } else { -1.0 });
        let total: usize = checks.zero_lines().iter().map(|l| l.len() - 1).sum();
        assert_eq!(total, 8 * 8 * 2);
        assert!(sampled(5, |_, _| 1.0).zero_lines().is_empty());
    }
}
