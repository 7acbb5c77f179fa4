//! The time law against its limits, an independent closed form, and itself.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::pace::through;
use super::trajectory::{JointLimits, Leg, MotionError, Trajectory};
use crate::joints::Joints;

fn joints(values: &[f64]) -> Joints {
    Joints::from_slice(values).unwrap()
}

fn limits(scale: [f64; 3]) -> JointLimits {
    // Another share of the scale for each joint.
    let uneven = |s: f64, k: usize| {
        let values: Vec<f64> = (0..6)
            .map(|j| s * (1.0 + 0.3 * ((j * 7 + k) % 5) as f64))
            .collect();
        joints(&values)
    };
    JointLimits {
        velocity: uneven(scale[0], 1),
        acceleration: uneven(scale[1], 2),
        jerk: uneven(scale[2], 3),
    }
}

/// Ways of one to six legs, from tenths of a milliradian to radians long, the tip limiting some of them.
fn ways() -> impl Strategy<Value = Vec<Leg>> {
    let leg = (
        prop::array::uniform6(-1.0f64..1.0),
        -4.0f64..0.3,
        0.0f64..2.0,
    );
    prop::collection::vec(leg, 1..7).prop_map(|legs| {
        let mut at = Joints::zeros(6);
        let add = |(direction, size, tip): ([f64; 6], f64, f64)| {
            at = at.zip(&joints(&direction), |q, d| q + d * 10f64.powf(size));
            Leg {
                to: at,
                tip_length: (tip - 1.0).max(0.0) * 10f64.powf(size),
                tip_speed: 0.25,
                expected_speed: 0.25,
            }
        };
        legs.into_iter().map(add).collect()
    })
}

fn scales() -> impl Strategy<Value = [f64; 3]> {
    [-1.0f64..1.0, 0.0f64..1.6, 1.5f64..4.0].prop_map(|s| s.map(|e| 10f64.powf(e)))
}

fn blended(legs: &[Leg], limits: &JointLimits, stops: u32) -> Trajectory {
    let start = Joints::zeros(6);
    through(start, legs, limits, &mut |corner| {
        if stops >> corner.leg & 1 == 1 {
            None
        } else {
            Some([f64::INFINITY; 2])
        }
    })
    .unwrap()
}

fn within(value: &Joints, limit: &Joints) -> bool {
    let pairs = value.as_slice().iter().zip(limit.as_slice());
    pairs.into_iter().all(|(v, l)| v.abs() <= l * (1.0 + 1e-9))
}

/// Over `steps` steps: within limits, and each derivative is what the samples of the one below it say, so that none of them jumps.
fn assert_smooth(way: &Trajectory, limits: &JointLimits, steps: u32) {
    let h = way.duration() / f64::from(steps);
    let mut a = way.at(0.0);
    for k in 1..=steps {
        let b = way.at(h * f64::from(k));
        assert!(within(&b.velocity, &limits.velocity), "{b:?}");
        assert!(within(&b.acceleration, &limits.acceleration), "{b:?}");
        for j in 0..6 {
            let jerk = limits.jerk[j];
            // Trapezoids: off by at most the largest second derivative times h²/4, or the largest third times h³/12, however the jerk steps.
            let dv =
                b.velocity[j] - a.velocity[j] - 0.5 * h * (a.acceleration[j] + b.acceleration[j]);
            let dq = b.position[j] - a.position[j] - 0.5 * h * (a.velocity[j] + b.velocity[j]);
            let da = b.acceleration[j] - a.acceleration[j];
            assert!(
                da.abs() <= jerk * h * (1.0 + 1e-6) + 1e-9,
                "{da} {}",
                jerk * h
            );
            assert!(dv.abs() <= jerk * h * h + 1e-10, "{dv}");
            assert!(dq.abs() <= limits.acceleration[j] * h * h + 1e-12, "{dq}");
        }
        a = b;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, rng_seed: RngSeed::Fixed(4), ..ProptestConfig::default() })]

    #[test]
    fn every_limit_holds_at_the_extrema_and_between(legs in ways(), scale in scales(), stops in 0u32..64) {
        let limits = limits(scale);
        let way = blended(&legs, &limits, stops);
        // Velocity lies between those of the legs; acceleration and jerk peak in the ramps.
        let mut end = 0.0f64;
        for p in way.placed() {
            prop_assert!(within(&p.velocity, &limits.velocity));
            let still = Joints::zeros(6);
            let s = p.segment;
            for (before, after, ramp) in [
                (p.rests_before.then_some(still), p.velocity, s.entry),
                (Some(p.velocity), p.after, s.exit),
            ] {
                let Some(before) = before else { continue };
                let change = after.zip(&before, |b, a| b - a);
                prop_assert!(within(&change.map(|c| c * ramp.peak_rate()), &limits.acceleration));
                prop_assert!(within(&change.map(|c| c * ramp.peak_jerk()), &limits.jerk));
            }
            // Ramps have room for each other: never more than two legs at a time.
            let room = p.end - p.begin - 0.5 * (s.entry.duration() + s.exit.duration());
            prop_assert!(room >= -1e-9 * (p.end - p.begin), "{room}");
            prop_assert!(p.begin >= end - 1e-12);
            end = p.end;
        }
        assert_smooth(&way, &limits, 1500);
        let (first, last) = (way.at(0.0), way.at(way.duration()));
        let still = Joints::zeros(6);
        prop_assert_eq!((first.position, first.velocity, first.acceleration), (still, still, still));
        prop_assert_eq!((last.position, last.velocity, last.acceleration), (way.end(), still, still));
    }

    #[test]
    fn cutting_corners_is_never_slower_and_the_way_back_takes_as_long(legs in ways(), scale in scales(), stops in 0u32..64) {
        let limits = limits(scale);
        let way = blended(&legs, &limits, stops);
        prop_assert!(way.duration() <= blended(&legs, &limits, u32::MAX).duration());
        prop_assert_eq!(&way, &blended(&legs, &limits, stops));
        // Backwards over the same corners, from where it ended.
        let mut back: Vec<Leg> = legs.iter().rev().copied().collect();
        let n = back.len();
        for k in 0..n {
            back[k].to = if k + 1 < n { back[k + 1].to } else { Joints::zeros(6) };
        }
        let end = way.end();
        let stop_at = |corner: usize| stops >> (n - 2 - corner) & 1 == 1;
        let back = through(end, &back, &limits, &mut |corner| {
            if stop_at(corner.leg) { None } else { Some([f64::INFINITY; 2]) }
        }).unwrap();
        let (there, again) = (way.duration(), back.duration());
        prop_assert!((there - again).abs() <= 1e-6 * there, "{there} {again}");
    }

    #[test]
    fn one_joint_alone_takes_the_textbook_time(d in -6.0f64..1.0, scale in scales()) {
        let d = 10f64.powf(d);
        let (v, a, j) = (scale[0], scale[1], scale[2]);
        // Biagiotti and Melchiorri, section 3.4: which of velocity and acceleration are reached decides.
        let time = if v * j >= a * a {
            if d >= v * v / a + v * a / j {
                d / v + v / a + a / j
            } else if d >= 2.0 * a * a * a / (j * j) {
                a / j + (a * a / (j * j) + 4.0 * d / a).sqrt()
            } else {
                4.0 * (d / (2.0 * j)).cbrt()
            }
        } else if d >= 2.0 * v * (v / j).sqrt() {
            d / v + 2.0 * (v / j).sqrt()
        } else {
            4.0 * (d / (2.0 * j)).cbrt()
        };
        let limits = JointLimits {
            velocity: joints(&[v]),
            acceleration: joints(&[a]),
            jerk: joints(&[j]),
        };
        let mut way = Trajectory::resting(Joints::zeros(1));
        way.push(joints(&[d]), &limits, 0.0, 1.0).unwrap();
        prop_assert!((way.duration() - time).abs() <= 1e-9 * time, "{} {time}", way.duration());
    }
}

#[test]
fn one_leg_takes_as_long_as_ruckig_says() {
    // Ruckig 0.19.4, six joints from rest to rest at 3.141592653589793 rad/s, 15 rad/s², 1000 rad/s³, synchronised in phase.
    let limits = JointLimits {
        velocity: Joints::zeros(6).map(|_| std::f64::consts::PI),
        acceleration: Joints::zeros(6).map(|_| 15.0),
        jerk: Joints::zeros(6).map(|_| 1000.0),
    };
    for (to, seconds) in [
        ([0.0011, -0.0016, 0.0021, -0.0009, 0.0012, 0.0005], 0.040656),
        ([1.0, -0.7, 0.9, -0.4, 0.6, 0.2], 0.542749),
    ] {
        let mut way = Trajectory::resting(Joints::zeros(6));
        way.push(joints(&to), &limits, 0.0, 1.0).unwrap();
        assert!(
            (way.duration() - seconds).abs() < 1e-6,
            "{}",
            way.duration()
        );
    }
}

#[test]
fn a_long_way_is_smooth_at_a_hundred_thousand_places() {
    let corners = [
        [0.3; 6],
        [0.5, 0.1, 0.7, -0.2, 0.3, 0.4],
        [0.45; 6],
        [1.5; 6],
    ];
    let legs = corners.map(|c| Leg {
        to: joints(&c),
        tip_length: 0.0,
        tip_speed: 1.0,
        expected_speed: 1.0,
    });
    let limits = limits([1.0, 15.0, 1000.0]);
    assert_smooth(&blended(&legs, &limits, 0), &limits, 100_000);
}

#[test]
fn corners_between_legs_alike_are_cut_and_cost_less_than_stops() {
    let limits = limits([2.0, 15.0, 1000.0]);
    for (length, at_most) in [(0.004, 0.8), (0.05, 0.75), (0.5, 0.9)] {
        // An eighth of a circle of two joints in each corner.
        let mut at = Joints::zeros(6);
        let legs: Vec<Leg> = (0..8)
            .map(|k| {
                let angle = std::f64::consts::FRAC_PI_4 * f64::from(k);
                (at[1], at[4]) = (at[1] + length * angle.cos(), at[4] + length * angle.sin());
                Leg {
                    to: at,
                    tip_length: length,
                    tip_speed: 1.0,
                    expected_speed: 1.0,
                }
            })
            .collect();
        let (cut, stopping) = (
            blended(&legs, &limits, 0),
            blended(&legs, &limits, u32::MAX),
        );
        assert_eq!(cut.placed().filter(|p| p.segment.blended).count(), 7);
        let share = cut.duration() / stopping.duration();
        assert!(
            share <= at_most,
            "{share} of the time, legs of {length} rad"
        );
    }
}

#[test]
fn senseless_limits_and_way_points_are_refused() {
    let sane = limits([1.0, 15.0, 1000.0]);
    let to = Joints::zeros(6).map(|_| 0.1);
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        for which in 0..3 {
            let mut limits = sane;
            [
                &mut limits.velocity,
                &mut limits.acceleration,
                &mut limits.jerk,
            ][which][3] = bad;
            let mut way = Trajectory::resting(Joints::zeros(6));
            assert_eq!(way.push(to, &limits, 0.0, 1.0), Err(MotionError::Limits));
        }
    }
    for bad in [f64::NAN, f64::INFINITY] {
        let mut way = Trajectory::resting(Joints::zeros(6));
        assert_eq!(
            way.push(to.map(|_| bad), &sane, 0.0, 1.0),
            Err(MotionError::WayPoint)
        );
        assert_eq!(way.push(to, &sane, bad, 1.0), Err(MotionError::WayPoint));
        assert_eq!(way.push(to, &sane, 1.0, f64::NAN), Err(MotionError::Limits));
        assert_eq!(way.duration(), 0.0);
        assert_eq!(way.at(f64::NAN).position, Joints::zeros(6));
    }
    let mut way = Trajectory::resting(Joints::zeros(6));
    assert_eq!(
        way.push(Joints::zeros(5), &sane, 0.0, 1.0),
        Err(MotionError::WayPoint)
    );
    let mut far = Trajectory::resting(Joints::zeros(6));
    let pushed = (1..100).map(|k| far.push(to.map(|_| f64::from(k)), &sane, 0.0, 1.0));
    assert_eq!(pushed.filter(Result::is_ok).count(), super::MAX_LEGS);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, rng_seed: RngSeed::Fixed(5), ..ProptestConfig::default() })]
    #[test]
    fn tighter_limits_are_never_faster(
        legs in ways(), scale in scales(), stops in 0u32..64, tighter in prop::array::uniform24(-1.0f64..1.0), all in any::<bool>(),
    ) {
        // Three limits of six joints and what the tip may do on six legs: all tighter together, or half of them, each by its own.
        let factor = |k: usize| if all { 0.55 + 0.45 * tighter[0] } else { (0.55 + 0.9 * tighter[k]).clamp(0.1, 1.0) };
        let by = |l: &Joints, first: usize| joints(&(0..6).map(|j| l[j] * factor(first + j)).collect::<Vec<_>>());
        let wide = limits(scale);
        let tight = JointLimits {
            velocity: by(&wide.velocity, 0),
            acceleration: by(&wide.acceleration, 6),
            jerk: by(&wide.jerk, 12),
        };
        let slower: Vec<Leg> = legs.iter().enumerate().map(|(i, l)| Leg { tip_speed: l.tip_speed * factor(18 + i), ..*l }).collect();
        let fast = blended(&legs, &wide, stops).duration();
        for (legs, limits) in [(&legs, &tight), (&slower, &wide), (&slower, &tight)] {
            let slow = blended(legs, limits, stops).duration();
            // But for rounding.
            prop_assert!(slow >= fast * (1.0 - 1e-13), "{slow} {fast}");
        }
    }

    #[test]
    fn corners_keep_to_what_was_judged(legs in ways(), scale in scales(), slow in 0.1f64..50.0, turn_down in 0usize..5) {
        let limits = limits(scale);
        let mut judged: Vec<(Joints, Joints, Joints)> = Vec::new();
        let way = through(Joints::zeros(6), &legs, &limits, &mut |corner| {
            let turned_down = judged.iter().filter(|c| c.0 == corner.at).count() < turn_down;
            judged.push((corner.at, corner.tail, corner.head));
            (!turned_down).then_some([slow, 2.0 * slow])
        }).unwrap();
        let mut after_corner = f64::INFINITY;
        for p in way.placed() {
            prop_assert!(p.segment.rate <= after_corner);
            after_corner = f64::INFINITY;
            if p.segment.blended {
                let (_, tail, head) = judged.iter().filter(|c| c.0 == p.segment.to).nth(turn_down).unwrap();
                let half = 0.5 * p.segment.exit.duration();
                for (velocity, most) in [(p.velocity, tail), (p.after, head)] {
                    prop_assert!(within(&velocity.map(|v| v * half), &most.map(f64::abs)));
                }
                prop_assert!(p.segment.rate <= slow);
                after_corner = 2.0 * slow;
            }
        }
    }

    #[test]
    fn the_time_of_a_straight_hop_is_its_time(way in 1e-4f64..3.0, v in 0.1f64..4.0, a in 0.5f64..40.0, j in 5.0f64..5000.0) {
        let limits = JointLimits {
            velocity: Joints::from_slice(&[v]).unwrap(),
            acceleration: Joints::from_slice(&[a]).unwrap(),
            jerk: Joints::from_slice(&[j]).unwrap(),
        };
        let mut hop = Trajectory::resting(Joints::zeros(1));
        hop.push(Joints::from_slice(&[way]).unwrap(), &limits, 0.0, 1.0).unwrap();
        let time = super::rest_to_rest(v / way, a / way, j / way);
        prop_assert!((hop.duration() - time).abs() < 1e-9 * time, "{} {time}", hop.duration());
    }
}
