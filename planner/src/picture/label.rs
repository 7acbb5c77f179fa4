//! Labels beside the things they name: within the picture, not over each other, with a line to the thing where they stand away from it.

use super::page::{Page, Style};

/// Letters on a plate: height of the line, and the plate's edge around it, pixels.
const LETTERS: f32 = 22.0;
const PLATE: [f64; 2] = [6.0, 26.0];
/// Distances from the thing that are tried, and directions at each, nearest first, pixels.
const AWAY: [f64; 7] = [16.0, 32.0, 52.0, 76.0, 104.0, 136.0, 172.0];
const WAYS: usize = 12;
/// Things are kept clear of by this, pixels.
const CLEAR: f64 = 9.0;

/// Something to be named.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Label {
    /// Where it is, pixels.
    pub at: [f64; 2],
    pub text: String,
    /// Of the plate, sRGB.
    pub color: [u8; 3],
}

/// Left, top, right, bottom.
type Box = [f64; 4];

fn overlap(a: &Box, b: &Box) -> bool {
    a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]
}

fn within(a: &Box, frame: &Box) -> bool {
    a[0] >= frame[0] && a[1] >= frame[1] && a[2] <= frame[2] && a[3] <= frame[3]
}

/// Finds each label of a given width its plate in the frame, in order. What finds no free place stands where it disturbs least.
fn arrange(things: &[([f64; 2], f64)], frame: Box) -> Vec<Box> {
    let mut plates: Vec<Box> = Vec::with_capacity(things.len());
    for ([x, y], width) in things {
        let (half, tall) = (0.5 * width + PLATE[0], 0.5 * PLATE[1]);
        let candidates = AWAY.iter().flat_map(|away| {
            (0..WAYS).map(move |k| {
                // To the right and a little up first, then round.
                let turn = [0, 1, 11, 2, 10, 6, 5, 7, 3, 9, 4, 8][k];
                let angle = f64::from(turn) * std::f64::consts::TAU / WAYS as f64 + 0.35;
                let (sin, cos) = angle.sin_cos();
                let (cx, cy) = (x + (away + half) * cos, y - (away + tall) * sin);
                // Pushed into the frame where there is room for it.
                let push =
                    |c: f64, reach: f64, low: f64, high: f64| c.min(high - reach).max(low + reach);
                let cx = push(cx, half, frame[0], frame[2]);
                let cy = push(cy, tall, frame[1], frame[3]);
                [cx - half, cy - tall, cx + half, cy + tall]
            })
        });
        let troubles = |plate: &Box| {
            let plates = plates.iter().filter(|p| overlap(plate, p)).count();
            let covered = |at: &[f64; 2]| {
                let [x, y] = *at;
                overlap(plate, &[x - CLEAR, y - CLEAR, x + CLEAR, y + CLEAR])
            };
            let covers = things.iter().filter(|(at, _)| covered(at)).count();
            4 * plates + covers + 100 * usize::from(!within(plate, &frame))
        };
        let best = candidates
            .map(|plate| (troubles(&plate), plate))
            .reduce(|a, b| if b.0 < a.0 { b } else { a });
        plates.extend(best.map(|(_, plate)| plate));
    }
    plates
}

/// Puts labels on the page within a frame (left, top, width, height).
pub(super) fn put(page: &mut Page, labels: &[Label], [left, top, width, height]: [u32; 4]) {
    let style = Style::plain(LETTERS).bold().colored([255; 3]);
    let frame = [
        f64::from(left) + 2.0,
        f64::from(top) + 2.0,
        f64::from(left + width) - 2.0,
        f64::from(top + height) - 2.0,
    ];
    let things: Vec<([f64; 2], f64)> = labels
        .iter()
        .map(|l| (l.at, f64::from(page.length(&l.text, style))))
        .collect();
    let plates = arrange(&things, frame);
    for (label, plate) in labels.iter().zip(&plates) {
        let [x, y] = label.at;
        let near = [x.clamp(plate[0], plate[2]), y.clamp(plate[1], plate[3])];
        page.line(label.at, near, 2.5, label.color);
    }
    for (label, [x0, y0, x1, y1]) in labels.iter().zip(plates) {
        // Casts saturate at the page's edge.
        let corner = [x0, y0, x1 - x0, y1 - y0].map(|c| c.round() as u32);
        page.fill(corner, label.color);
        let middle = (0.5 * (x0 + x1)) as f32;
        page.text(middle, y1 as f32 - 6.0, style.anchored(0.5), &label.text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plates_stay_in_the_picture_and_off_each_other_and_off_what_they_name() {
        let frame = [0.0, 0.0, 655.0, 820.0];
        // A crowd in the middle, and things at every edge, with names as long as the longest landmark's.
        let mut things: Vec<([f64; 2], f64)> = (0..12)
            .map(|k| {
                (
                    [300.0 + 7.0 * f64::from(k), 400.0 + 5.0 * f64::from(k % 3)],
                    24.0,
                )
            })
            .collect();
        for at in [
            [2.0, 400.0],
            [653.0, 300.0],
            [320.0, 3.0],
            [320.0, 818.0],
            [654.0, 819.0],
        ] {
            things.push((at, 160.0));
        }
        let plates = arrange(&things, frame);
        assert_eq!(plates.len(), things.len());
        for (k, plate) in plates.iter().enumerate() {
            assert!(within(plate, &frame), "{plate:?}");
            assert!(plates[..k].iter().all(|p| !overlap(plate, p)), "{k}");
            for ([x, y], _) in &things {
                assert!(
                    !overlap(plate, &[x - 5.0, y - 5.0, x + 5.0, y + 5.0]),
                    "{k}"
                );
            }
        }
        assert!(arrange(&[], frame).is_empty());
        // A frame too small for any plate: still one plate each, and no panic.
        assert_eq!(arrange(&things, [0.0, 0.0, 10.0, 10.0]).len(), things.len());
    }
}
