//! Where the order pauses: fresh cartridges, other shades, pigment, breaks, and waiting for skin that has to rest.

use stipple_model::plan::{Shade, Stop, StopKind, Zone};
use stipple_model::treatment::Session;
use stipple_model::units::Time;

use super::{OrderRules, Visit, rest};

/// A cartridge and a shade that are used together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// Index into [`Groups::needles`].
    pub needle: u8,
    /// Index into the plan's shades.
    pub shade: u8,
}

/// Every cartridge with every shade, in the order in which they are run.
#[derive(Debug, Clone, PartialEq)]
pub struct Groups {
    /// The distinct cartridges of the zones, in the order of the zones.
    pub needles: Vec<Option<String>>,
    /// The groups in their order: each cartridge once, in the order in which the treatment names them, and with it the shades from the
    /// lightest on. Lighter pigment left in a cartridge does not show in a darker dot.
    pub groups: Vec<Group>,
    /// The cartridge of each zone.
    of_zone: Vec<u8>,
}

impl Groups {
    /// The groups of a design.
    #[must_use]
    pub fn new(zones: &[Zone], shades: &[Shade]) -> Self {
        let mut needles: Vec<Option<String>> = Vec::new();
        let mut of_zone = Vec::with_capacity(zones.len());
        for zone in zones {
            let known = needles.iter().position(|n| *n == zone.needle);
            let place = known.unwrap_or_else(|| {
                needles.push(zone.needle.clone());
                needles.len() - 1
            });
            // A treatment has far fewer zones than a byte counts.
            of_zone.push(place as u8);
        }
        // Luminance of the sRGB primaries (ITU-R BT.709), good enough to rank greys.
        let light = |s: &Shade| {
            let [r, g, b] = s.rgb.map(f64::from);
            0.2126 * r + 0.7152 * g + 0.0722 * b
        };
        let mut ranked: Vec<(u8, &Shade)> = (0u8..).zip(shades).collect();
        ranked.sort_by(|a, b| light(b.1).total_cmp(&light(a.1)).then(a.0.cmp(&b.0)));
        let of = |needle: u8| {
            let shades = ranked.iter();
            shades.map(move |&(shade, _)| Group { needle, shade })
        };
        let groups = (0..needles.len() as u8).flat_map(of).collect();
        Self {
            needles,
            groups,
            of_zone,
        }
    }

    /// The group of a dot, for [`Visit::group`]; `None` for a zone or shade that does not exist.
    #[must_use]
    pub fn of(&self, zone: u8, shade: u8) -> Option<u16> {
        let needle = *self.of_zone.get(usize::from(zone))?;
        let group = Group { needle, shade };
        let place = self.groups.iter().position(|g| *g == group)?;
        u16::try_from(place).ok()
    }
}

/// What has been used up since when.
#[derive(Default)]
struct Used {
    group: Option<Group>,
    /// Dots since the last dip and since the cartridge was fitted.
    ink: u32,
    needle: u32,
    /// Work since the last break.
    work: Time,
}

impl Used {
    /// The pauses due before a dot of `group`; `fresh` says that a piece of scalp begins with it.
    fn due(
        &mut self,
        group: Option<Group>,
        fresh: bool,
        session: &Session,
    ) -> Vec<(StopKind, Time)> {
        let mut due = Vec::new();
        if fresh && self.work.s() >= session.break_every.s() {
            due.push((StopKind::Break, session.break_length));
            self.work = Time::ZERO;
        }
        let Some(group) = group else { return due };
        let worn = self.needle >= session.dots_per_needle;
        let needle = worn || self.group.is_none_or(|g| g.needle != group.needle);
        let shade = self.group.is_none_or(|g| g.shade != group.shade);
        if needle {
            let kind = StopKind::NeedleChange {
                needle: group.needle,
            };
            due.push((kind, session.needle_change));
            self.needle = 0;
        }
        if shade {
            due.push((
                StopKind::ShadeChange { shade: group.shade },
                session.shade_change,
            ));
        }
        if needle || shade || self.ink >= session.dots_per_dip {
            due.push((StopKind::InkDip { shade: group.shade }, session.dip));
            self.ink = 0;
        }
        self.group = Some(group);
        due
    }
}

/// The pauses of a sequence, given the hops' times (to each but the first) and each dot's piece; and how many dots wait for skin that
/// rests, and how long together.
pub(super) fn plan(
    sequence: &[&Visit],
    hops: &[Time],
    pieces: &[u32],
    rules: &OrderRules,
) -> (Vec<Stop>, (u32, Time)) {
    let session = &rules.session;
    let near = rest::conflicts(sequence, session.rest_radius);
    let mut used = Used::default();
    let mut stops = Vec::new();
    let mut waits = (0, Time::ZERO);
    let mut struck: Vec<Time> = Vec::with_capacity(sequence.len());
    let mut clock = Time::ZERO;
    for (k, visit) in sequence.iter().enumerate() {
        let group = rules.groups.get(usize::from(visit.group)).copied();
        let fresh = k > 0 && pieces[k] != pieces[k - 1];
        let before = k as u32;
        for (kind, expected) in used.due(group, fresh, session) {
            stops.push(Stop {
                before,
                kind,
                expected,
            });
            clock = clock + expected;
        }
        let hop = k.checked_sub(1).map_or(Time::ZERO, |last| hops[last]);
        let earlier = near[k].iter().filter_map(|&j| struck.get(j as usize));
        let rested = earlier.fold(Time::ZERO, |latest, &t| latest.max(t + session.rest));
        let wait = (rested - (clock + hop)).max(Time::ZERO);
        if wait > Time::ZERO {
            stops.push(Stop {
                before,
                kind: StopKind::Rest,
                expected: wait,
            });
            waits = (waits.0 + 1, waits.1 + wait);
        }
        let at = clock + wait + hop;
        struck.push(at);
        used.work = used.work + wait + hop + rules.dot_time;
        used.ink += 1;
        used.needle += 1;
        clock = at + rules.dot_time;
    }
    (stops, waits)
}
