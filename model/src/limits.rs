//! Safety and pace figures of motion and treatment, each with its source. The state machine's own timing guards stand in `stipple_core::limits`.

use crate::units::{Angle, Area, Length, Speed, Time};

/// Gap between nose and skin while hovering. Source: ARTAS hops at 2 mm above the scalp.
pub const HOVER: Length = Length::from_mm(2.0);

/// No needle ever goes deeper than this. Source: hazard H2, the papillary dermis lies well above it.
pub const DEPTH_CAP: Length = Length::from_mm(2.0);

/// How long the needle stays in the skin where nothing else was fitted. Source: this project's own; "depth, time in the skin and angle matter", a
/// needle of a machine makes 100 to 150 strokes a second.
pub const DWELL: Time = Time::from_ms(20.0);

/// The shortest and the longest it stays. Source: this project's own; the core draws it in after a second, whatever is asked for.
pub const DWELL_LEAST: Time = Time::from_ms(5.0);
/// The longest; see [`DWELL_LEAST`].
pub const DWELL_CAP: Time = Time::from_ms(500.0);

/// Largest angle between needle and skin normal. Source: hazard H1.
pub const TILT_CAP: Angle = Angle::from_deg(15.0);

/// How much lower than [`HOVER`] the tip may be while it moves at [`SPEED_HOVER`]. Source: this project's own, half of what [`HOVER`]
/// leaves above the nose's margin. A scan's noise is a tenth to three tenths of a millimetre, a needle that leans by [`TILT_CAP`] hovers
/// 0.07 mm lower, and a straight hop of 5 mm sags by 0.05 mm over a head's curvature.
pub const HOVER_TOLERANCE: Length = Length::from_mm(0.5);

/// Tip speed wherever the tip is not proven to be at hover height, in any direction, unless it leads away from the head. Source: hazard
/// H12, along the normal.
pub const SPEED_NEAR_SKIN: Speed = Speed::from_mm_per_s(10.0);

/// Tip speed while hovering from dot to dot. Source: hazard H12.
pub const SPEED_HOVER: Speed = Speed::from_mm_per_s(50.0);

/// Tip speed farther away. Source: hazard H12.
pub const SPEED_FREE: Speed = Speed::from_mm_per_s(250.0);

/// Up to this height above the skin the hover speed holds; above it the free speed. Source: this project's own.
pub const HOVER_ZONE: Length = Length::from_mm(15.0);

/// No station has the tip lower than this above the head. Source: this project's own, what a lift leads to and a head that sits up by as much
/// again.
pub const STATION_HEIGHT: Length = Length::from_mm(40.0);

/// Margins that clearance must exceed, by pair class. Allowed to touch at all times are only neighbours on the arm, the tool and the flange
/// it is on, a cable guard and its link, and pairs that touch in every configuration (`WorkCell::unwatched_pairs` names those). The
/// needle is no body: while the arm moves it is inside the nose.
pub mod margin {
    use crate::units::Length;
    /// Nose cone to head. Source: this project's own; the nose hovers at [`super::HOVER`], so this is what is left after head motion
    /// between two looks at the tracker.
    pub const NOSE_HEAD: Length = Length::from_mm(1.0);
    /// Arm links, cable guards and tool body to head. Source: this project's own.
    pub const LINKS_HEAD: Length = Length::from_mm(10.0);
    /// Arm, cable guards and tool to floor and boxes. Source: this project's own.
    pub const SCENE: Length = Length::from_mm(10.0);
    /// Arm, cable guards and tool to the arm itself. Source: this project's own.
    pub const SELF: Length = Length::from_mm(5.0);
}

/// No tip within this distance of a keep-out volume. Source: hazard H1.
pub const KEEP_OUT_MARGIN: Length = Length::from_mm(20.0);

/// Least distance from an eye's or ear's place to the surface of the keep-out volume that holds it. Source: this project's own. The planner's
/// volumes leave 14 mm at the eyes of a head of usual length and 9 mm at the ears; on a head a fifth shorter, 4 mm at the eyes.
pub const KEEP_OUT_DEPTH: Length = Length::from_mm(3.0);

/// A scan that differs more (RMS) from the one planned on is not accepted. Source: hazard H7.
pub const REGISTRATION_RESIDUAL: Length = Length::from_mm(1.0);

/// Largest standard deviation of the scalp's place after laying scans onto each other. Source: absolute accuracy of a dot, 1 mm.
pub const REGISTRATION_UNCERTAINTY: Length = Length::from_mm(1.0);

/// Least area that scans must have in common. Source: this project's own, the palm of a hand.
pub const REGISTRATION_AREA: Area = Area::from_cm2(60.0);

/// Least share of one of two scans that must fit the other. Source: this project's own.
pub const REGISTRATION_SHARE: f64 = 0.4;

/// Least change of distance per distance moved, in the motion that the shape holds least. Source: this project's own. A ball's top with
/// 0.5 mm of noise shows 0.015, a smooth egg's 0.02 to 0.03 (and ends up millimetres off), a skull's with bumps of a millimetre or two 0.05.
pub const REGISTRATION_HELD: f64 = 0.03;
