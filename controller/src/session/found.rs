//! A fault in words, with the figures by which it was found.

use std::fmt;

use stipple_core::{Fault, MotionSeen};

/// A fault, and how the arm moved when it was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// What was found.
    pub fault: Fault,
    /// The arm's motion in that tick; `None` where it was not known.
    pub motion: Option<MotionSeen>,
    /// Why the record forbids the strike, where it does.
    pub forbidden: Option<&'static str>,
}

impl fmt::Display for Found {
    /// The fault's text, and in brackets the figure that its guard looked at.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Fault::RecordFailed, Some(why)) = (self.fault, self.forbidden) {
            return write!(
                f,
                "no strike may be made: {why}; begin a sitting with `stipple-controller resume`"
            );
        }
        f.write_str(self.fault.row().text)?;
        let Some(motion) = self.motion else {
            return Ok(());
        };
        let (percent, mm) = (100.0, 1e3);
        let near = motion.near.as_ref();
        match self.fault {
            Fault::JointTooFast => write!(f, " ({:.0} % of it)", percent * motion.speed_share),
            Fault::AccelerationHigh => {
                write!(f, " ({:.0} % of it)", percent * motion.acceleration_share)
            }
            Fault::SpeedsUntrue => write!(f, " ({:.1} mrad farther)", mm * motion.untold),
            Fault::JointOutside => write!(f, " ({:.1} mrad)", mm * motion.outside),
            Fault::OffPath => motion
                .deviation
                .map_or(Ok(()), |(_, off)| write!(f, " ({:.1} mrad)", mm * off)),
            Fault::TipTooFast => {
                write!(f, " ({:.1} mm/s", mm * motion.tip_speed)?;
                if let Some(near) = near {
                    let (down, up) = (mm * near.approach, mm * near.height);
                    write!(f, ", {down:.1} mm/s of it down, {up:.1} mm above the skin")?;
                }
                f.write_str(")")
            }
            Fault::TipTooNear | Fault::TipOffPatch => near.map_or(Ok(()), |near| {
                write!(f, " ({:.1} mm above it)", mm * near.height)
            }),
            Fault::KeepOutNear => near
                .and_then(|near| near.keep_out)
                .map_or(Ok(()), |distance| {
                    write!(f, " ({:.1} mm from it)", mm * distance)
                }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stipple_core::{HopId, TipNear};

    fn found(fault: Fault, motion: Option<MotionSeen>) -> Found {
        Found {
            fault,
            motion,
            forbidden: None,
        }
    }

    #[test]
    fn a_strike_that_the_sitting_forbids_is_no_matter_of_the_disk() {
        let disk = found(Fault::RecordFailed, None);
        assert_eq!(disk.to_string(), Fault::RecordFailed.row().text);
        let forbidden = Found {
            forbidden: Some("the sitting is over"),
            ..disk
        };
        assert_eq!(
            forbidden.to_string(),
            "no strike may be made: the sitting is over; begin a sitting with `stipple-controller resume`"
        );
    }

    #[test]
    fn a_fault_of_the_motion_tells_its_figure_and_any_other_none() {
        let motion = Some(MotionSeen {
            speed_share: 1.204,
            acceleration_share: 1.5,
            untold: 0.0021,
            outside: 0.0123,
            tip_speed: 0.0665,
            near: Some(TipNear {
                height: 0.0021,
                approach: 0.0102,
                over_patch: true,
                keep_out: Some(0.0185),
            }),
            deviation: Some((HopId(1), 0.0123)),
        });
        for (fault, figure) in [
            (Fault::JointTooFast, "(120 % of it)"),
            (Fault::AccelerationHigh, "(150 % of it)"),
            (Fault::SpeedsUntrue, "(2.1 mrad farther)"),
            (Fault::JointOutside, "(12.3 mrad)"),
            (Fault::OffPath, "(12.3 mrad)"),
            (
                Fault::TipTooFast,
                "(66.5 mm/s, 10.2 mm/s of it down, 2.1 mm above the skin)",
            ),
            (Fault::TipTooNear, "(2.1 mm above it)"),
            (Fault::TipOffPatch, "(2.1 mm above it)"),
            (Fault::KeepOutNear, "(18.5 mm from it)"),
        ] {
            let told = found(fault, motion).to_string();
            assert_eq!(told, format!("{} {figure}", fault.row().text));
            assert_eq!(found(fault, None).to_string(), fault.row().text);
        }
        let fault = Fault::LeaseLost;
        assert_eq!(found(fault, motion).to_string(), fault.row().text);
    }
}
