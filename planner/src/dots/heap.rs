//! A binary heap of numbered items, heaviest first, whose weights can change.

/// Items 0..n by weight; ties go to the smaller number, so that the order is the same everywhere.
pub(super) struct Heap {
    weights: Vec<f64>,
    /// Items in heap order.
    items: Vec<u32>,
    /// Where each item stands in `items`; `None` when it was taken.
    places: Vec<Option<u32>>,
}

impl Heap {
    pub fn new(weights: Vec<f64>) -> Self {
        let n = weights.len();
        let mut heap = Self {
            weights,
            items: (0u32..).take(n).collect(),
            places: (0u32..).take(n).map(Some).collect(),
        };
        for i in (0..n / 2).rev() {
            heap.sink(i);
        }
        heap
    }

    fn before(&self, a: u32, b: u32) -> bool {
        let (wa, wb) = (self.weights[a as usize], self.weights[b as usize]);
        wa > wb || (wa == wb && a < b)
    }

    fn swap(&mut self, i: usize, j: usize) {
        self.items.swap(i, j);
        self.places[self.items[i] as usize] = Some(i as u32);
        self.places[self.items[j] as usize] = Some(j as u32);
    }

    fn sink(&mut self, mut i: usize) {
        loop {
            let mut first = i;
            for child in [2 * i + 1, 2 * i + 2] {
                if child < self.items.len() && self.before(self.items[child], self.items[first]) {
                    first = child;
                }
            }
            if first == i {
                return;
            }
            self.swap(i, first);
            i = first;
        }
    }

    /// Takes the heaviest item.
    pub fn pop(&mut self) -> Option<u32> {
        let top = *self.items.first()?;
        let last = self.items.len() - 1;
        self.swap(0, last);
        self.items.pop();
        self.places[top as usize] = None;
        if !self.items.is_empty() {
            self.sink(0);
        }
        Some(top)
    }

    /// Makes an item lighter; one that was taken is left alone.
    pub fn lighten(&mut self, item: u32, by: f64) {
        if let Some(place) = self.places[item as usize] {
            self.weights[item as usize] -= by;
            self.sink(place as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pops_in_order_of_changed_weights() {
        let mut heap = Heap::new(vec![1.0, 5.0, 3.0, 5.0, 2.0]);
        heap.lighten(1, 4.5);
        let order: Vec<u32> = std::iter::from_fn(|| heap.pop()).collect();
        assert_eq!(order, vec![3, 2, 4, 0, 1]);
    }
}
