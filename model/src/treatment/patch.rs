//! The test patch as a treatment of its own.

use super::{Purpose, Shape, Treatment, TreatmentError, ZoneDesign};
use crate::limits::DEPTH_CAP;
use crate::units::{Density, Length};

impl Treatment {
    /// The treatment of the test patch alone: one layer, one zone for each depth.
    ///
    /// # Errors
    /// [`TreatmentError::NoTestPatch`] where the file has none.
    pub fn for_test_patch(&self) -> Result<Self, TreatmentError> {
        let patch = self
            .test_patch
            .as_ref()
            .ok_or(TreatmentError::NoTestPatch)?;
        let columns = patch.depths.len() as u8;
        let caps = self.zones.iter().map(|z| z.depth_cap);
        let depth_cap = caps.fold(DEPTH_CAP, Length::min);
        let zone = |(column, depth): (u8, &Length)| ZoneDesign {
            name: format!("patch {} mm", (depth.mm() * 1e3).round() / 1e3),
            shape: Shape::Column {
                center: patch.center,
                size: patch.size,
                column,
                columns,
            },
            density: patch.density,
            // It is tried where hair grows, and its own dots are what is looked at.
            existing: Some(Density::ZERO),
            feather: Some(Length::ZERO),
            depth: *depth,
            depth_cap,
            needle: None,
            diameter: patch.diameter,
            healed_diameter: None,
            shades: vec![(patch.shade, 1.0)],
        };
        Ok(Self {
            name: format!("{}: test patch", self.name),
            dots: None,
            layers: vec![1.0],
            zones: (0u8..).zip(&patch.depths).map(zone).collect(),
            placed: None,
            test_patch: None,
            // The patch is what shows how deep may be gone.
            fitted: None,
            purpose: Purpose::TestPatch,
            ..self.clone()
        })
    }
}
