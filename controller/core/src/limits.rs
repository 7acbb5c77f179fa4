//! Every figure the core decides by, with its source (H1–H15: the project's hazard list; "own": this project's own figure).

use crate::time::Micros;

/// The figures of one set-up.
///
/// [`Limits::HARDWARE`] is for anything that can hurt. [`Limits::LOOSE_CLOCK`] widens only what a machine without real
/// time cannot keep, ages and gaps above all, and is for simulated hardware alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Period of the tick. Source: own, 500 Hz.
    pub period: Micros,
    /// Longest time from tick to tick while something may move. Source: own, two missed cycles and a margin.
    pub tick_gap: Micros,
    /// Oldest joint state that is acted on. Source: H5.
    pub joints_age: Micros,
    /// Oldest head pose that a strike may rest on. Source: H3.
    pub head_age_strike: Micros,
    /// Oldest head pose before everything stops. Source: H4.
    pub head_age: Micros,
    /// Oldest needle state. Source: H10, after as long a silence the needle is in by itself.
    pub needle_age: Micros,
    /// Oldest heartbeat of the operator's lease. Source: H9.
    pub lease_age: Micros,
    /// Head displacement at the dot since its hop was aimed, m. Source: H3.
    pub head_displacement: f64,
    /// Head speed at the dot, m/s. Source: H3.
    pub head_speed: f64,
    /// How long the head must have been calm before the arm goes near it again. Source: own.
    pub head_calm: Micros,
    /// Force along the needle, N. Source: H2.
    pub axial_force: f64,
    /// The needle has met something when the force along it is so much more than where its stroke began, N. Source: own, above a load cell's
    /// noise and a tenth of what breaks skin.
    pub contact_force: f64,
    /// Whether every dot must be felt to be placed, from the first on; else only where one was felt before. Source: own, hardware must have a
    /// load cell.
    pub feels: bool,
    /// How much sooner than tracker, registration and scan have it the needle may meet the skin, m. Source: own, as far as H3 lets the head
    /// come nearer.
    pub contact_early: f64,
    /// Joint speed below which a joint rests, rad/s. Source: own.
    pub rest_speed: f64,
    /// Joint speed above which an arm with its needle out is a fault, rad/s. Source: own.
    pub moving_speed: f64,
    /// Joint speed as a share of the joint's own limit. Source: H12; a tenth for what measuring and an arm's overshoot add.
    pub speed_share: f64,
    /// The same of a joint's acceleration. Source: H12; as for [`Limits::speed_share`].
    pub acceleration_share: f64,
    /// How far a joint may have gone beyond what the speeds that its driver told can have brought it, rad. Source: own, less than the joint that
    /// moves most goes in a hop of 2 mm, and many times an encoder's noise.
    pub untold: f64,
    /// How far outside its position limits a joint may be, rad. Source: own, an arm's path tolerance near its limits.
    pub joint_outside: f64,
    /// Tip speed far from the head, m/s. Source: H12 with the allowance of [`Limits::speed_share`].
    pub tip_free: f64,
    /// Tip speed below [`Limits::hover_zone`], m/s. Source: H12 with the same allowance.
    pub tip_hover: f64,
    /// Speed of the tip towards the skin below [`Limits::near_skin`], m/s. Source: H12 with the same allowance.
    pub tip_near: f64,
    /// So long after a motion was ended the tip may be faster by [`Limits::braking_share`]: each joint brakes as hard as it can, and not
    /// together. Source: own.
    pub braking: Micros,
    /// Share of what it may be otherwise that the tip of an arm may be fast which brakes; faster than that somebody else leads it. Source: own,
    /// half as much again.
    pub braking_share: f64,
    /// What lifts, or brakes, and leads off the skin with this share of its speed or more may be as fast as anywhere.
    /// Source: own, up to 60° off the skin's normal.
    pub away_share: f64,
    /// Height of the tip below which it hovers, m. Source: own, the 15 mm that planned motions take for it less
    /// [`Limits::approach_displacement`].
    pub hover_zone: f64,
    /// Height of the tip below which it is near the skin, m. Source: own, the 1.5 mm that planned motions take for it less what a tracker's
    /// noise adds.
    pub near_skin: f64,
    /// A lift leads off the skin when it brings the tip nearer by no more than this, m/s. Source: own, what is left of the motion before it.
    pub lift_approach: f64,
    /// The arm under way must not bring the tip lower than this, m. Source: own, half the margin that planned motions keep.
    pub tip_lowest: f64,
    /// Below this height the tip must be over the approved patch or right beside it, m. Source: H1, twice the hover height.
    pub over_patch: f64,
    /// Distance of the tip to a keep-out volume, m. Source: H1, 20 mm, less [`Limits::approach_displacement`]: the head may have moved by
    /// that much since the way was planned.
    pub keep_out: f64,
    /// How far a joint may be from the path that the arm follows, rad. Source: own, six times what the simulated arm shows. At a metre's
    /// reach it is 10 mm at the tip: nearer to the skin the heights above hold.
    pub path_deviation: f64,
    /// How far a joint may rest from the end of a motion that the arm says it has made, rad. Source: own, the tolerance sent with each goal and
    /// a margin; what is beyond has not been made, or the joint states do not tell where the arm is.
    pub goal_deviation: f64,
    /// How long the joints must rest before the tip is judged. Source: own.
    pub settle: Micros,
    /// Depth below the skin, m. Source: H2.
    pub depth: f64,
    /// Angle between needle and skin normal, rad. Source: H1, 15°.
    pub angle: f64,
    /// Distance from needle axis to dot at which a stroke may begin, m. Source: own.
    pub lateral_verify: f64,
    /// The same while the needle is out, m. Source: H3.
    pub lateral_stroke: f64,
    /// Smallest gap between nose and skin at which a stroke may begin, m. Source: own.
    pub gap_min: f64,
    /// Largest such gap, m. Source: own.
    pub gap_max: f64,
    /// Farthest the needle may come out of the nose, m. Source: the tool's stroke.
    pub stroke: f64,
    /// Speed of the stroke, m/s. Source: own.
    pub stroke_speed: f64,
    /// The needle counts as in when no farther out than this, m. Source: own.
    pub needle_in: f64,
    /// How far the needle may be out beyond what it was told, m. Source: H2.
    pub needle_over: f64,
    /// A report of the needle being in counts only when it arrived this long after the needle was told to go in: an older one may have
    /// left before the needle had even come out. Source: own, the needle's link there and back.
    pub needle_echo: Micros,
    /// Head displacement at the dot while the arm is on its way, m; beyond it the way is computed anew. Source: own, half the hover gap.
    pub approach_displacement: f64,
    /// The same anywhere on the head, m: a head that turns about the dot moves everywhere else. Source: own, half of what the arm's links keep
    /// from the head. On the way to the station [`Limits::approach_displacement`] holds there, too: the whole nose passes the head then.
    pub far_displacement: f64,
    /// Hops to one dot before it is skipped. Source: own.
    pub attempts: u8,
    /// Skips one after another before the session pauses. Source: own.
    pub skips_in_row: u16,
    /// Strikes one after another in which the needle did not go where it was told, or met nothing where the skin should be, before the session
    /// pauses. Source: own.
    pub doubts_in_row: u16,
    /// The way out of every state.
    pub timeouts: Timeouts,
}

/// How long each wait may last. Source: own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// From asking for a hop to having it.
    pub hop: Micros,
    /// From telling the arm to follow to its taking the motion on.
    pub accept: Micros,
    /// From telling the arm to follow to its end.
    pub motion: Micros,
    /// For an arm to stand still in the middle of a motion that it says it follows: more than it may take to settle at the end.
    pub standing: Micros,
    /// For the joints to come to rest at the hover.
    pub hover: Micros,
    /// For everything a strike depends on to come true.
    pub verify: Micros,
    /// For the needle to reach its extension.
    pub extend: Micros,
    /// For the longest dwell a target may ask.
    pub dwell: Micros,
    /// For the needle to be back in.
    pub retract: Micros,
    /// For a restless head before the arm lifts off it.
    pub restless: Micros,
    /// For a restless head before the session pauses.
    pub calm: Micros,
    /// For a pause to have the arm off the head: needle in, arm at rest, lift.
    pub pause: Micros,
    /// From there to the station; the arm then waits where it is.
    pub park: Micros,
    /// For the head to hold still before that; likewise. A person on a break moves soon, and nothing should set off long after they asked.
    pub still: Micros,
    /// For a stop to be confirmed.
    pub stop: Micros,
    /// Between repeated cancels.
    pub cancel_again: Micros,
}

impl Limits {
    /// What of the needle's reports comes later than this, against the quickest, is not taken: one from before the needle was told to come out
    /// must not pass for one from after it was told to go in.
    #[must_use]
    pub const fn needle_late(&self) -> Micros {
        if self.needle_age.0 < self.needle_echo.0 {
            self.needle_age
        } else {
            self.needle_echo
        }
    }

    /// For hardware, on a machine with real time.
    pub const HARDWARE: Self = Self {
        period: Micros::from_ms(2),
        tick_gap: Micros(5_000),
        joints_age: Micros::from_ms(20),
        head_age_strike: Micros::from_ms(50),
        head_age: Micros::from_ms(100),
        needle_age: Micros::from_ms(50),
        lease_age: Micros::from_ms(500),
        head_displacement: 0.5e-3,
        head_speed: 10e-3,
        head_calm: Micros::from_ms(300),
        axial_force: 10.0,
        contact_force: 0.1,
        feels: true,
        contact_early: 0.5e-3,
        rest_speed: 0.01,
        moving_speed: 0.05,
        speed_share: 1.1,
        acceleration_share: 1.1,
        untold: 1.5e-3,
        joint_outside: 0.01,
        tip_free: 0.275,
        tip_hover: 0.055,
        tip_near: 0.011,
        braking: Micros::from_ms(300),
        braking_share: 1.5,
        away_share: 0.5,
        hover_zone: 14e-3,
        near_skin: 1.2e-3,
        lift_approach: 0.002,
        tip_lowest: 0.5e-3,
        over_patch: 4e-3,
        keep_out: 19e-3,
        path_deviation: 0.01,
        goal_deviation: 0.0025,
        settle: Micros::from_ms(10),
        depth: 2.0e-3,
        angle: 15.0 * core::f64::consts::PI / 180.0,
        lateral_verify: 0.2e-3,
        lateral_stroke: 0.5e-3,
        gap_min: 1.0e-3,
        gap_max: 3.0e-3,
        stroke: 5.0e-3,
        stroke_speed: 0.1,
        needle_in: 0.1e-3,
        needle_over: 0.2e-3,
        needle_echo: Micros::from_ms(20),
        approach_displacement: 1.0e-3,
        far_displacement: 5.0e-3,
        attempts: 5,
        skips_in_row: 25,
        doubts_in_row: 3,
        timeouts: Timeouts {
            hop: Micros::from_ms(5_000),
            accept: Micros::from_ms(1_000),
            motion: Micros::from_ms(60_000),
            standing: Micros::from_ms(6_000),
            hover: Micros::from_ms(2_000),
            verify: Micros::from_ms(500),
            extend: Micros::from_ms(300),
            dwell: Micros::from_ms(1_000),
            retract: Micros::from_ms(500),
            restless: Micros::from_ms(1_000),
            calm: Micros::from_ms(30_000),
            pause: Micros::from_ms(70_000),
            park: Micros::from_ms(60_000),
            still: Micros::from_ms(5_000),
            stop: Micros::from_ms(5_000),
            cancel_again: Micros::from_ms(100),
        },
    };

    /// For simulated hardware on a machine without real time: joint states to 60 ms, ticks to 40 ms apart (as long as the needle waits before
    /// it draws in by itself), needle states to 100 ms, head poses to 80 ms for a strike and 200 ms before a stop; and a needle device may feel
    /// nothing. All else as [`Limits::HARDWARE`]. Whoever uses it says so in the report.
    pub const LOOSE_CLOCK: Self = Self {
        tick_gap: Micros::from_ms(40),
        joints_age: Micros::from_ms(60),
        head_age_strike: Micros::from_ms(80),
        head_age: Micros::from_ms(200),
        needle_age: Micros::from_ms(100),
        feels: false,
        ..Self::HARDWARE
    };
}
