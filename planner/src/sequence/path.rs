//! A round trip as an array, changed by turning stretches round.

/// A round trip through the numbers 0..n, with the place of each.
pub(super) struct Round {
    order: Vec<u32>,
    place: Vec<u32>,
    /// The stretches turned round since [`Round::mark`], as first place and length.
    turned: Vec<(u32, u32)>,
}

impl Round {
    /// `order` is a permutation of 0..n.
    pub(super) fn new(order: Vec<u32>) -> Self {
        let mut place = vec![0; order.len()];
        for (i, &dot) in (0u32..).zip(&order) {
            place[dot as usize] = i;
        }
        Self {
            order,
            place,
            turned: Vec::new(),
        }
    }

    pub(super) fn into_order(self) -> Vec<u32> {
        self.order
    }

    fn count(&self) -> u32 {
        self.order.len() as u32
    }

    /// The next one, or the one before.
    #[inline]
    pub(super) fn step(&self, dot: u32, forward: bool) -> u32 {
        let (at, last) = (self.place[dot as usize], self.count() - 1);
        let to = match (forward, at) {
            (true, at) if at == last => 0,
            (true, at) => at + 1,
            (false, 0) => last,
            (false, at) => at - 1,
        };
        self.order[to as usize]
    }

    /// The one at a place.
    pub(super) fn at(&self, place: u32) -> u32 {
        self.order[place as usize]
    }

    /// The one `by` places on.
    pub(super) fn ahead(&self, dot: u32, by: u32) -> u32 {
        self.order[((self.place[dot as usize] + by) % self.count()) as usize]
    }

    /// Steps forward from `a` to `b`.
    #[inline]
    fn ahead_of(&self, a: u32, b: u32) -> u32 {
        let (a, b) = (self.place[a as usize], self.place[b as usize]);
        if b >= a { b - a } else { b + self.count() - a }
    }

    /// Steps from `a` to `b` in a direction.
    #[inline]
    pub(super) fn distance(&self, a: u32, b: u32, forward: bool) -> u32 {
        if forward {
            self.ahead_of(a, b)
        } else {
            self.ahead_of(b, a)
        }
    }

    /// How many dots at most are touched when a way of `steps` is turned round.
    #[inline]
    pub(super) fn shorter_side(&self, steps: u32) -> u32 {
        (steps + 1).min(self.count() - steps - 1)
    }

    /// From now on what is turned round is remembered, until the next mark.
    pub(super) fn mark(&mut self) {
        self.turned.clear();
    }

    /// Back to the last mark.
    pub(super) fn undo(&mut self) {
        while let Some((first, length)) = self.turned.pop() {
            self.turn(first, length);
        }
    }

    /// Turns `length` places from `first` on round.
    fn turn(&mut self, first: u32, length: u32) {
        let count = self.order.len();
        let (mut i, mut j) = (first as usize, (first + length - 1) as usize % count);
        for _ in 0..length / 2 {
            self.order.swap(i, j);
            self.place[self.order[i] as usize] = i as u32;
            self.place[self.order[j] as usize] = j as u32;
            i = if i + 1 == count { 0 } else { i + 1 };
            j = if j == 0 { count - 1 } else { j - 1 };
        }
    }

    /// Removes the edges a–b and c–d, adds b–c and d–a, where b is next to a as c is to d in the same direction.
    pub(super) fn exchange(&mut self, [a, b, c, d]: [u32; 4]) {
        // The stretch from b to d, seen in the direction in which b follows a.
        let (from, to) = if self.step(a, true) == b {
            (b, d)
        } else {
            (d, b)
        };
        debug_assert!(self.step(c, self.step(a, true) != b) == d || self.count() < 4);
        let inside = self.ahead_of(from, to) + 1;
        let first = self.place[from as usize];
        // Turning the rest round makes the same round trip.
        let (first, length) = if 2 * inside <= self.count() {
            (first, inside)
        } else {
            ((first + inside) % self.count(), self.count() - inside)
        };
        if length > 1 {
            self.turn(first, length);
            self.turned.push((first, length));
        }
    }

    /// Swaps two stretches that follow each other without turning them: `[a, b, c, d, e, f]` with the edges a–b, c–d, e–f removed, the
    /// stretches b…c and d…e, and c–f, e–b, a–d added.
    pub(super) fn swap(&mut self, [a, b, c, d, e, f]: [u32; 6]) {
        let forward = self.step(a, true) == b;
        let stretches = [
            self.distance(b, c, forward),
            self.distance(d, e, forward),
            self.distance(f, a, forward),
        ];
        // The round trip is the same whichever two of the three are swapped: leave the longest.
        let longest = (0..3).max_by_key(|&i| (stretches[i], i)).unwrap_or(2);
        let [a, b, c, d, e, f] = match longest {
            0 => [c, d, e, f, a, b],
            1 => [e, f, a, b, c, d],
            _ => [a, b, c, d, e, f],
        };
        self.exchange([a, b, f, e]);
        self.exchange([a, e, c, d]);
        self.exchange([e, c, f, b]);
    }
}
