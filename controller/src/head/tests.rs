use super::*;

/// Deterministic normal deviates, good enough to stand for a tracker's noise.
struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }

    fn vector(&mut self, sigma: f64) -> Vector3<f64> {
        Vector3::new(self.normal(), self.normal(), self.normal()) * sigma
    }
}

/// Breathing of 0.5 mm at 0.25 Hz and a drift of 0.1 mm/s.
fn truth(t: f64) -> Transform<Base, Head> {
    let breath = 0.5e-3 * (std::f64::consts::TAU * 0.25 * t).sin();
    Transform::from_xyz_rpy(
        [0.5 + 0.07e-3 * t, 0.07e-3 * t, 0.3 + breath],
        [0.0, 0.2, 0.1],
    )
}

fn noisy(pose: &Transform<Base, Head>, noise: &mut Noise) -> Transform<Base, Head> {
    let mut iso = *pose.raw();
    iso.translation.vector += noise.vector(0.05e-3);
    iso.rotation =
        UnitQuaternion::from_scaled_axis(noise.vector(0.02f64.to_radians())) * iso.rotation;
    Transform::from_raw(iso)
}

fn stamped(t: f64, sequence: u64, value: Transform<Base, Head>) -> Stamped<Transform<Base, Head>> {
    Stamped {
        value,
        arrived: Micros((t * 1e6) as u64 + 10_000),
        sequence,
    }
}

#[test]
fn predicts_a_breathing_head_well_within_the_placement_goal() {
    let (mut filter, mut noise) = (HeadFilter::new(HeadFilterConfig::default()), Noise(7));
    let skin: Point<Head> = Point::new(0.05, 0.02, 0.12);
    let (mut now, mut ahead) = (Vec::new(), Vec::new());
    for k in 0..60 * 60 {
        let t = f64::from(k) / 60.0;
        filter.update(&stamped(t, k as u64, noisy(&truth(t), &mut noise)));
        if k > 120 {
            let error = |dt: f64| {
                let predicted = filter.pose_at(Micros(((t + dt) * 1e6) as u64)).unwrap();
                (predicted * skin).distance(&(truth(t + dt) * skin))
            };
            now.push(error(0.02));
            ahead.push(error(0.35));
            assert!(
                filter.speed_at(&skin) < 10e-3,
                "a breathing head is not a moving one"
            );
        }
    }
    let p95 = |v: &mut Vec<f64>| {
        v.sort_by(f64::total_cmp);
        v[v.len() * 95 / 100]
    };
    let (now, ahead) = (p95(&mut now), p95(&mut ahead));
    assert!(now < 0.1e-3, "20 ms ahead: {:.3} mm", now * 1e3);
    assert!(ahead < 0.25e-3, "350 ms ahead: {:.3} mm", ahead * 1e3);
}

/// H3.
#[test]
fn sees_a_jerk_within_a_few_poses_and_none_in_noise() {
    for hertz in [60.0, 120.0, 250.0, 1000.0] {
        let (mut filter, mut noise) = (HeadFilter::new(HeadFilterConfig::default()), Noise(3));
        let mut seen = None;
        for k in 0..(4.0 * hertz) as u64 {
            let t = k as f64 / hertz;
            let since = (t - 3.0).max(0.0);
            let pose = Transform::from_xyz_rpy([0.5 + 0.03 * since, 0.0, 0.3], [0.0; 3]);
            filter.update(&stamped(t, k, noisy(&pose, &mut noise)));
            if seen.is_none() && filter.speed_at(&Point::origin()) > 10e-3 {
                seen = Some(t - 3.0);
            }
        }
        let seen = seen.unwrap();
        assert!(
            (0.0..0.05).contains(&seen),
            "{hertz} Hz: 30 mm/s seen after {seen} s"
        );
    }
}

/// H4.
#[test]
fn does_not_believe_jumps_repeats_and_nonsense() {
    let mut filter = HeadFilter::new(HeadFilterConfig::default());
    let at = |x: f64| Transform::from_xyz_rpy([x, 0.0, 0.3], [0.0; 3]);
    assert_eq!(filter.update(&stamped(0.0, 0, at(0.5))), Verdict::Taken);
    assert_eq!(
        filter.update(&stamped(0.0, 0, at(0.5))),
        Verdict::SeenBefore
    );
    assert_eq!(filter.update(&stamped(0.016, 1, at(0.5))), Verdict::Stuck);
    assert_eq!(
        filter.update(&stamped(0.033, 2, at(f64::NAN))),
        Verdict::NotFinite
    );
    assert_eq!(filter.good_at(), Some(Micros(10_000)));
    // Nowhere near, and always the same: it must not be believed for being steady.
    for k in 0..40u64 {
        let turned = Transform::from_xyz_rpy([1e308, 0.0, 0.0], [1e-4 * k as f64, 0.0, 0.0]);
        let verdict = filter.update(&stamped(0.034, 100 + k, turned));
        assert_eq!(verdict, Verdict::NotFinite);
    }
    let mut noise = Noise(1);
    for k in 0..11 {
        let jumped = noisy(&at(0.6), &mut noise);
        assert_eq!(
            filter.update(&stamped(0.05 + f64::from(k) / 60.0, 3 + k as u64, jumped)),
            Verdict::Jumped
        );
        assert_eq!(
            filter.good_at(),
            Some(Micros(10_000)),
            "a jump must not keep the pose fresh"
        );
    }
    assert_eq!(
        filter.update(&stamped(0.24, 20, noisy(&at(0.6), &mut noise))),
        Verdict::Anew,
        "it stays there: a head, but whose"
    );
}

/// H4: at whatever rate a tracker reports, what jumps is not believed before tracking counts as lost, and what slips is told.
#[test]
fn a_marker_that_jumps_or_slips_is_never_simply_the_head_from_there_on() {
    let config = HeadFilterConfig::default();
    assert!(config.restart_after > stipple_core::Limits::HARDWARE.head_age);
    for (hertz, step) in [60.0, 120.0, 250.0, 1000.0]
        .into_iter()
        .flat_map(|hertz| [4e-3, 8e-3, 0.05, 0.4].map(|step| (hertz, step)))
    {
        let (mut filter, mut noise) = (HeadFilter::new(config), Noise(5));
        let mut first_anew = None;
        for k in 0..(2.0 * hertz) as u64 {
            let t = k as f64 / hertz;
            let off = if t < 1.0 { 0.0 } else { step };
            let pose = Transform::from_xyz_rpy([0.5 + off, 0.0, 0.3], [0.0; 3]);
            match filter.update(&stamped(t, k, noisy(&pose, &mut noise))) {
                Verdict::Taken => {
                    assert!(
                        t < 1.0 || first_anew.is_some(),
                        "{hertz} Hz, {step} m at {t} s"
                    );
                }
                Verdict::Anew => {
                    first_anew.get_or_insert(t);
                }
                verdict => assert_eq!(verdict, Verdict::Jumped),
            }
        }
        let anew = first_anew.unwrap() - 1.0;
        // What might have been a head is told at once.
        let might = step <= config.slack + config.fastest / hertz;
        assert!(
            if might {
                anew < 1.5 / hertz
            } else {
                anew > 0.17
            },
            "{hertz} Hz, {step} m: {anew} s"
        );
    }
}

#[test]
fn a_head_that_moves_as_heads_do_is_not_lost() {
    for hertz in [60.0, 250.0] {
        let (mut filter, mut noise) = (HeadFilter::new(HeadFilterConfig::default()), Noise(9));
        for k in 0..(10.0 * hertz) as u64 {
            let t = k as f64 / hertz;
            // To and fro by 27 mm, at 86 mm/s in the middle.
            let off = 0.0137 * (std::f64::consts::TAU * t).sin();
            let pose = Transform::from_xyz_rpy([0.5 + off, 0.0, 0.3], [0.0; 3]);
            assert_eq!(
                filter.update(&stamped(t, k, noisy(&pose, &mut noise))),
                Verdict::Taken,
                "{hertz} Hz, {t} s"
            );
        }
    }
}
