//! Whether a plan holds together: every reference leads somewhere, every number makes sense.

use super::{Dot, DotId, Outcome, Plan, Shade, Stop, StopKind, Wanted};
use crate::frames::{Direction, Head, Point};
use crate::limits::{DEPTH_CAP, DWELL_CAP, DWELL_LEAST};
use crate::units::{Length, Time};

/// How a plan contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Inconsistency {
    /// A dot names a zone or shade that is not there, or a layer outside 1..=layers.
    #[error("dot {0} names a zone, shade or layer that does not exist")]
    DotReference(u32),
    /// A dot has a non-finite or negative number.
    #[error("dot {0} has a number that is not finite or out of range")]
    DotNumber(u32),
    /// The sequence is not a permutation of the planned dots of its layer.
    #[error("layer {0} is not run exactly once per planned dot")]
    Sequence(u8),
    /// A stop comes before no dot or out of order, names a needle or shade that does not exist, or has a time that is out of range.
    #[error(
        "stop {stop} of layer {layer} is out of order, or names a dot, needle or shade that does not exist"
    )]
    Stop {
        /// The layer, from 1.
        layer: u8,
        /// Which of its stops, from 0.
        stop: usize,
    },
    /// There is not one list of stops for each layer.
    #[error("there are stops for {lists} layers, the plan has {layers}")]
    StopLists {
        /// Lists of stops.
        lists: usize,
        /// Layers.
        layers: u8,
    },
    /// A dot is run with another needle or shade fitted than its own.
    #[error("dot {0} is run with another needle or shade fitted than its own")]
    Fitted(u32),
    /// A cartridge of a zone is not in the list of needles, or the list names one twice.
    #[error("the list of needles is not that of the zones")]
    Needles,
    /// The estimate has not one entry for each layer, or a time that is not finite or negative.
    #[error(
        "the session estimate has a time that is not finite or negative, or another number of layers"
    )]
    Estimate,
    /// Joints at a station that the cell does not have, none at one that it has, or joints that are not finite or not as many as over a dot.
    #[error(
        "the joints at the station are missing, without a station, not finite or not the arm's"
    )]
    Station,
    /// A stored pose is no rigid transform.
    #[error("a pose of {0} is not a rigid transform")]
    Transform(&'static str),
    /// The patch names a triangle that is not there.
    #[error("the patch names a triangle that does not exist")]
    Patch,
    /// A piece of the design names a zone that is not there or has a number that is not finite or is negative.
    #[error(
        "piece {0} of the wanted density names no zone or has a number that is not finite or out of range"
    )]
    Wanted(usize),
    /// The anatomy is not finite, or forward and up are not at a right angle.
    #[error("the anatomy has a number that is not finite, or forward and up are not perpendicular")]
    Anatomy,
    /// The needle stays too long or too short, or otherwise than fitted.
    #[error(
        "the needle's time in the skin is not 5 to 500 ms, or another than the one fitted to the client"
    )]
    Dwell,
    /// A dot goes deeper than what was fitted to the client.
    #[error("dot {0} is deeper than what was fitted to the client")]
    DeeperThanFitted(u32),
    /// A zone's or a shade's number is not finite, or out of range.
    #[error("\"{0}\" has a depth cap, diameter or dilution that is out of range")]
    Design(String),
}

impl Plan {
    /// Whether references and numbers hold together.
    ///
    /// # Errors
    /// The first contradiction found.
    pub fn check(&self) -> Result<(), Inconsistency> {
        if self
            .patch
            .iter()
            .any(|&t| t as usize >= self.head.triangles().len())
        {
            return Err(Inconsistency::Patch);
        }
        self.check_transforms()?;
        self.check_station()?;
        self.check_design()?;
        self.check_fitted()?;
        for (i, dot) in self.dots.iter().enumerate() {
            let id = i as u32;
            if dot.zone as usize >= self.zones.len()
                || dot.shade as usize >= self.shades.len()
                || dot.layer == 0
                || dot.layer > self.layers
            {
                return Err(Inconsistency::DotReference(id));
            }
            let unit = |d: &Direction<Head>| (d.raw().norm() - 1.0).abs() < 1e-6;
            let length = |l: Length| l.is_finite() && l.m() >= 0.0;
            let joints = match &dot.outcome {
                Outcome::Planned { roll, hover } => roll.is_finite() && hover.is_finite(),
                Outcome::Skipped(_) => true,
            };
            if !(dot.position.is_finite()
                && unit(&dot.normal)
                && unit(&dot.needle)
                && length(dot.depth)
                && length(dot.diameter)
                && joints)
            {
                return Err(Inconsistency::DotNumber(id));
            }
        }
        self.check_sequence()?;
        self.check_stops()
    }

    fn check_design(&self) -> Result<(), Inconsistency> {
        let a = &self.anatomy;
        let (forward, up) = (a.forward.raw(), a.up.raw());
        let unit = |v: nalgebra::Vector3<f64>| (v.norm() - 1.0).abs() < 1e-6;
        let upright = unit(forward) && unit(up) && forward.dot(&up).abs() < 1e-6;
        let points = [a.nasion, a.left_ear, a.right_ear];
        if !(upright && points.iter().all(Point::is_finite)) {
            return Err(Inconsistency::Anatomy);
        }
        let wrong = |w: &Wanted| {
            let positive = |x: f64| x.is_finite() && x >= 0.0;
            w.zone as usize >= self.zones.len()
                || !w.position.is_finite()
                || !positive(w.area.m2())
                || !positive(w.dots)
        };
        let above_zero = |x: f64| x.is_finite() && x > 0.0;
        let zone = self.zones.iter().find(|z| {
            let healed = z.healed_diameter.is_none_or(|d| above_zero(d.m()));
            !(healed && above_zero(z.depth_cap.m()) && z.depth_cap <= DEPTH_CAP)
        });
        let shade = |s: &&Shade| !s.dilution.is_none_or(above_zero);
        let shade = self.shades.iter().find(shade).map(|s| &s.name);
        if let Some(name) = zone.map(|z| &z.name).or(shade) {
            return Err(Inconsistency::Design(name.clone()));
        }
        match self.wanted.iter().position(wrong) {
            Some(i) => Err(Inconsistency::Wanted(i)),
            None => Ok(()),
        }
    }

    /// Depth and dwell are those that were fitted to the client, where some were.
    fn check_fitted(&self) -> Result<(), Inconsistency> {
        let fitted = self.fitted.as_ref();
        let bounded = |t: Time| (DWELL_LEAST.s()..=DWELL_CAP.s()).contains(&t.s());
        if !bounded(self.dwell) || fitted.is_some_and(|f| f.dwell != self.dwell) {
            return Err(Inconsistency::Dwell);
        }
        let Some(fitted) = fitted else {
            return Ok(());
        };
        // Written so that a depth that is not a number is too deep.
        let within = |dot: &Dot| dot.depth <= fitted.depth && fitted.depth <= DEPTH_CAP;
        match (0u32..).zip(&self.dots).find(|(_, dot)| !within(dot)) {
            Some((dot, _)) => Err(Inconsistency::DeeperThanFitted(dot)),
            None => Ok(()),
        }
    }

    fn check_transforms(&self) -> Result<(), Inconsistency> {
        let rigid = |finite: bool, iso: &nalgebra::Isometry3<f64>| {
            finite && (iso.rotation.coords.norm() - 1.0).abs() < 1e-9
        };
        let (scan, head) = (&self.head_from_scan, &self.cell.base_from_head);
        let tool = &self.cell.tool.flange_from_tip;
        let named = [
            ("the scan", rigid(scan.is_finite(), scan.raw())),
            ("the head", rigid(head.is_finite(), head.raw())),
            ("the tool", rigid(tool.is_finite(), tool.raw())),
        ];
        let station = self.cell.station.as_ref();
        let station = station.map(|s| ("the station", rigid(s.is_finite(), s.raw())));
        let boxes = self
            .cell
            .boxes
            .iter()
            .map(|b| &b.base_from_box)
            .map(|t| ("a box", rigid(t.is_finite(), t.raw())));
        match named
            .into_iter()
            .chain(station)
            .chain(boxes)
            .find(|(_, ok)| !ok)
        {
            Some((name, _)) => Err(Inconsistency::Transform(name)),
            None => Ok(()),
        }
    }

    fn check_station(&self) -> Result<(), Inconsistency> {
        let hovers = self.dots.iter().find_map(|dot| match dot.outcome {
            Outcome::Planned { hover, .. } => Some(hover.dof()),
            Outcome::Skipped(_) => None,
        });
        let fits = match &self.station {
            Some(q) => q.is_finite() && hovers.is_none_or(|dof| dof == q.dof()),
            None => true,
        };
        if fits && self.station.is_some() == self.cell.station.is_some() {
            Ok(())
        } else {
            Err(Inconsistency::Station)
        }
    }

    fn check_sequence(&self) -> Result<(), Inconsistency> {
        if self.sequence.len() != self.layers as usize {
            return Err(Inconsistency::Sequence(self.layers));
        }
        let mut seen = vec![false; self.dots.len()];
        for (layer, order) in (1u8..).zip(&self.sequence) {
            for id in order {
                let planned = self.dots.get(id.index()).is_some_and(|d| {
                    d.layer == layer && matches!(d.outcome, Outcome::Planned { .. })
                });
                if !planned || std::mem::replace(&mut seen[id.index()], true) {
                    return Err(Inconsistency::Sequence(layer));
                }
            }
        }
        let missing = self
            .dots
            .iter()
            .zip(&seen)
            .find(|(d, seen)| matches!(d.outcome, Outcome::Planned { .. }) && !**seen);
        missing.map_or(Ok(()), |(dot, _)| Err(Inconsistency::Sequence(dot.layer)))
    }

    fn check_stops(&self) -> Result<(), Inconsistency> {
        let mut distinct: Vec<&Option<String>> = Vec::new();
        for zone in &self.zones {
            if !distinct.contains(&&zone.needle) {
                distinct.push(&zone.needle);
            }
        }
        if !self.needles.iter().eq(distinct) {
            return Err(Inconsistency::Needles);
        }
        if self.stops.len() != self.layers as usize {
            return Err(Inconsistency::StopLists {
                lists: self.stops.len(),
                layers: self.layers,
            });
        }
        for ((layer, stops), order) in (1u8..).zip(&self.stops).zip(&self.sequence) {
            self.check_layer_stops(layer, stops, order)?;
        }
        let parts = &self.session_estimate.layers;
        if parts.len() != self.layers as usize
            || !parts.iter().all(super::SessionParts::makes_sense)
        {
            return Err(Inconsistency::Estimate);
        }
        Ok(())
    }

    /// One layer's stops: in order, before dots that exist, and every dot with its own needle and shade fitted.
    fn check_layer_stops(
        &self,
        layer: u8,
        stops: &[Stop],
        order: &[DotId],
    ) -> Result<(), Inconsistency> {
        let mut last = 0;
        for (i, stop) in stops.iter().enumerate() {
            let named = match stop.kind {
                StopKind::NeedleChange { needle } => usize::from(needle) < self.needles.len(),
                StopKind::ShadeChange { shade } | StopKind::InkDip { shade } => {
                    usize::from(shade) < self.shades.len()
                }
                StopKind::Break | StopKind::Rest => true,
            };
            let time = stop.expected.is_finite() && stop.expected.s() >= 0.0;
            if !(named && time && (last..order.len() as u32).contains(&stop.before)) {
                return Err(Inconsistency::Stop { layer, stop: i });
            }
            last = stop.before;
        }
        if stops.is_empty() {
            return Ok(());
        }
        let mut fitted = (None, None);
        let mut stops = stops.iter().peekable();
        for (at, id) in (0u32..).zip(order) {
            while let Some(stop) = stops.next_if(|s| s.before == at) {
                match stop.kind {
                    StopKind::NeedleChange { needle } => fitted.0 = Some(needle),
                    StopKind::ShadeChange { shade } => fitted.1 = Some(shade),
                    StopKind::InkDip { shade } if fitted.1 != Some(shade) => {
                        return Err(Inconsistency::Fitted(id.0));
                    }
                    StopKind::InkDip { .. } | StopKind::Break | StopKind::Rest => {}
                }
            }
            let own = |dot: &Dot| (self.needle_of(dot.zone), Some(dot.shade)) == fitted;
            if !self.dot(*id).is_some_and(own) {
                return Err(Inconsistency::Fitted(id.0));
            }
        }
        Ok(())
    }
}
