//! Where dots start: one place in each of as many equal parts of the zone's expected dots as it has dots to lay.

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::ground::{Cell, Ground, Spot};

/// Draws within a cell before its middle, which is known to be good, is taken.
const DRAWS: usize = 8;

/// Places dots of every zone along a space-filling curve: any stretch of it gets the dots it should have to within one, so there are no
/// crowds and no gaps larger than a dot's own share. The error is the number of the zone that has no skin to stand on.
pub(super) fn draw(
    ground: &Ground<'_>,
    cells: &[Cell],
    quotas: &[u32],
    seed: u64,
) -> Result<(Vec<Spot>, Vec<u8>), u8> {
    let mut order: Vec<(u8, u64, u32)> = (0u32..)
        .zip(cells)
        .map(|(i, c)| (c.zone, c.key, i))
        .collect();
    rayon::slice::ParallelSliceMut::par_sort_unstable(&mut order[..]);
    let total = quotas.iter().sum::<u32>() as usize;
    let (mut spots, mut zones) = (Vec::with_capacity(total), Vec::with_capacity(total));
    for (zone, &quota) in (0u8..).zip(quotas) {
        let from = order.partition_point(|o| o.0 < zone);
        let to = order.partition_point(|o| o.0 <= zone);
        let own = || order[from..to].iter().map(|o| &cells[o.2 as usize]);
        let sum: f64 = own().map(|c| c.weight).sum();
        if quota > 0 && !(sum > 0.0 && sum.is_finite()) {
            return Err(zone);
        }
        // A stream of its own: a zone's dots do not depend on how many were drawn before it.
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(u64::from(zone) + 1);
        let mut ahead = own().peekable();
        let mut passed = 0.0;
        for k in 0..quota {
            let at = (f64::from(k) + unit(&mut rng)) / f64::from(quota) * sum;
            let mut here = None;
            while let Some(cell) = ahead.peek() {
                here = Some(*cell);
                // The last cell takes what rounding leaves over.
                if passed + cell.weight > at {
                    break;
                }
                passed += cell.weight;
                ahead.next();
            }
            let cell = here.or_else(|| own().next_back()).ok_or(zone)?;
            spots.push(within(ground, cell, &mut rng));
            zones.push(zone);
        }
    }
    Ok((spots, zones))
}

fn within(ground: &Ground<'_>, cell: &Cell, rng: &mut ChaCha8Rng) -> Spot {
    (0..DRAWS)
        .map(|_| ground.place(cell, unit(rng), unit(rng)))
        .find(|spot| ground.admits(spot, cell.zone))
        .unwrap_or_else(|| ground.place(cell, 1.0 / 3.0, 1.0 / 3.0))
}

/// Uniform in 0..1, 53 bits.
pub(super) fn unit(rng: &mut ChaCha8Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}
