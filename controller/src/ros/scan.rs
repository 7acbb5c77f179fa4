//! Scans of the head in the chair: point clouds over the topic `scan`, each with the pose that the head was tracked at just then.

use std::collections::VecDeque;

use r2r::builtin_interfaces::msg::Time;
use r2r::sensor_msgs::msg::{PointCloud2, PointField};
use stipple_core::Micros;
use stipple_model::frames::{Base, Head, Point, Transform};

use crate::registration::{HeadScan, Tracked};
use stipple_model::text::plain;

/// Oldest scan that a head is registered by. Source: own, a person at the screen who asks for it after it came.
pub const OLDEST: Micros = Micros::from_ms(5_000);
/// Scan and pose may be so far apart in time, ns. Source: H3, what a strike may rest on.
const APART_NS: i64 = 50_000_000;
/// Poses that are remembered: as long as a scan, of a fast tracker.
const POSES: usize = 1_300;
/// Most points of a scan. Source: own, a depth camera's picture has two million.
const MOST_POINTS: usize = 4_000_000;
/// So many characters of a frame are told.
const LONGEST: usize = 60;

/// Why there is no scan to register the head by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// None has come, or none lately.
    #[error("no scan of the head has come on the topic scan in the last {} s", OLDEST.0 / 1_000_000)]
    None,
    /// Of another frame.
    #[error("the scan is in the frame {got:?}, head poses and scans must be in {wanted:?}")]
    Frame {
        /// Of the scan.
        got: String,
        /// The arm's base.
        wanted: String,
    },
    /// Nobody knows where the head was.
    #[error(
        "no head pose that was taken lies within 50 ms before and after the scan's stamp: does the tracker report (diagnostics, head_pose), and do scanner and tracker go by one clock?"
    )]
    NoPose,
    /// Nothing in it.
    #[error("the scan has no point with finite x, y and z")]
    Empty,
    /// The message is not what a point cloud is.
    #[error("the scan is no point cloud with x, y and z as float32: {0}")]
    Cloud(&'static str),
}

/// What came over the topic last, and where the head was tracked lately.
#[derive(Debug, Default)]
pub struct Scans {
    /// Stamp, ns, and arrival of each.
    poses: VecDeque<(i64, Micros, Transform<Base, Head>)>,
    last: Option<Kept>,
    taken: u64,
}

#[derive(Debug)]
struct Kept {
    arrived: Micros,
    cloud: PointCloud2,
}

fn nanoseconds(stamp: &Time) -> i64 {
    i64::from(stamp.sec) * 1_000_000_000 + i64::from(stamp.nanosec)
}

impl Scans {
    /// Remembers where the head was tracked.
    pub fn take_pose(&mut self, stamp: &Time, pose: &Transform<Base, Head>, now: Micros) {
        if self.poses.len() >= POSES {
            self.poses.pop_front();
        }
        self.poses.push_back((nanoseconds(stamp), now, *pose));
    }

    /// Keeps a scan, in the place of the one before. It is read when somebody asks for it: here it would hold up the other topics.
    pub fn take(&mut self, cloud: PointCloud2, now: Micros) {
        let stamp = |kept: &Kept| nanoseconds(&kept.cloud.header.stamp);
        let repeated = self.last.as_ref().map(stamp) == Some(nanoseconds(&cloud.header.stamp));
        // What comes by two ways came when it came first.
        if repeated && self.last.as_ref().is_some_and(|kept| kept.cloud == cloud) {
            return;
        }
        self.taken += 1;
        self.last = Some(Kept {
            arrived: now,
            cloud,
        });
    }

    /// How many points the last scan has by its size, and its frame.
    #[must_use]
    pub fn newest(&self) -> Option<(u64, String)> {
        let cloud = &self.last.as_ref()?.cloud;
        let points = u64::from(cloud.width) * u64::from(cloud.height);
        Some((points, plain(&cloud.header.frame_id, LONGEST)))
    }

    /// How many scans have come, and when the last.
    #[must_use]
    pub fn taken(&self) -> (u64, Option<Micros>) {
        (self.taken, self.last.as_ref().map(|kept| kept.arrived))
    }

    /// The last scan, if it is fresh at `now` and in the frame of head poses.
    ///
    /// # Errors
    /// Why there is none to use.
    pub fn latest(
        &self,
        base_frame: &str,
        now: Micros,
    ) -> Result<(PointCloud2, Tracked), ScanError> {
        let fresh = self
            .last
            .as_ref()
            .filter(|kept| now.fresh(kept.arrived, OLDEST));
        let kept = fresh.ok_or(ScanError::None)?;
        if kept.cloud.header.frame_id != base_frame {
            return Err(ScanError::Frame {
                got: kept.cloud.header.frame_id.clone(),
                wanted: base_frame.to_owned(),
            });
        }
        let tracked = self.tracked_at(nanoseconds(&kept.cloud.header.stamp))?;
        Ok((kept.cloud.clone(), tracked))
    }
}

impl Scans {
    /// Where the head was tracked about a moment, ns.
    fn tracked_at(&self, at: i64) -> Result<Tracked, ScanError> {
        let near = |stamp: i64| stamp.saturating_sub(at).saturating_abs() <= APART_NS;
        let poses = || self.poses.iter().filter(|(stamp, ..)| near(*stamp));
        let before = poses().rev().find(|(stamp, ..)| *stamp <= at);
        let after = poses().find(|(stamp, ..)| *stamp >= at);
        match (before, after) {
            (Some((_, came, before)), Some((.., after))) => Ok(Tracked {
                at: *came,
                before: *before,
                after: *after,
            }),
            _ => Err(ScanError::NoPose),
        }
    }
}

/// The points of a cloud that are finite, with the pose it goes with.
///
/// # Errors
/// A cloud whose layout does not fit its data.
pub fn read(cloud: &PointCloud2, tracked: Tracked) -> Result<HeadScan, ScanError> {
    let count = (cloud.width as usize)
        .checked_mul(cloud.height as usize)
        .filter(|count| *count <= MOST_POINTS)
        .ok_or(ScanError::Cloud("more points than any scanner has"))?;
    let (step, row) = (cloud.point_step as usize, cloud.row_step as usize);
    let places = [
        offset(cloud, "x")?,
        offset(cloud, "y")?,
        offset(cloud, "z")?,
    ];
    if places.iter().any(|place| place.saturating_add(4) > step) {
        return Err(ScanError::Cloud("a coordinate lies outside the point"));
    }
    let width = cloud.width as usize;
    if step.checked_mul(width).is_none_or(|used| used > row) {
        return Err(ScanError::Cloud("points do not fit their row"));
    }
    if row
        .checked_mul(cloud.height as usize)
        .is_none_or(|used| used > cloud.data.len())
    {
        return Err(ScanError::Cloud("less data than points"));
    }
    let value = |at: usize| {
        let bytes: Option<[u8; 4]> = cloud.data.get(at..at + 4).and_then(|b| b.try_into().ok());
        bytes.map_or(f64::NAN, |b| {
            f64::from(if cloud.is_bigendian {
                f32::from_be_bytes(b)
            } else {
                f32::from_le_bytes(b)
            })
        })
    };
    let points = (0..count)
        .map(|i| {
            let at = (i / width) * row + (i % width) * step;
            let [x, y, z] = places.map(|place| value(at + place));
            Point::new(x, y, z)
        })
        // What a depth camera does not see it tells as NaN.
        .filter(Point::is_finite)
        .collect();
    if Vec::is_empty(&points) {
        return Err(ScanError::Empty);
    }
    Ok(HeadScan { points, tracked })
}

fn offset(cloud: &PointCloud2, name: &str) -> Result<usize, ScanError> {
    let field = cloud.fields.iter().find(|field| field.name == name);
    field
        .filter(|field| field.datatype == PointField::FLOAT32 as u8)
        .map(|field| field.offset as usize)
        .ok_or(ScanError::Cloud("there is no such field"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STILL_AT: fn() -> Tracked = || Tracked {
        at: Micros::ZERO,
        before: Transform::identity(),
        after: Transform::identity(),
    };

    fn cloud(points: &[[f32; 3]]) -> PointCloud2 {
        let field = |name: &str, offset| PointField {
            name: name.to_owned(),
            offset,
            datatype: PointField::FLOAT32 as u8,
            count: 1,
        };
        let mut data = Vec::new();
        for point in points {
            data.extend([0; 4]);
            data.extend(point.iter().flat_map(|c| c.to_le_bytes()));
        }
        let width = points.len() as u32;
        PointCloud2 {
            height: 1,
            width,
            fields: vec![field("x", 4), field("y", 8), field("z", 12)],
            point_step: 16,
            row_step: 16 * width,
            data,
            ..Default::default()
        }
    }

    #[test]
    fn a_cloud_is_read_and_what_is_not_seen_left_out() {
        let cloud = cloud(&[[0.5, -0.25, 2.0], [f32::NAN, 0.0, 0.0], [1.0, 0.0, 0.0]]);
        let scan = read(&cloud, STILL_AT()).unwrap();
        let expected = vec![Point::new(0.5, -0.25, 2.0), Point::new(1.0, 0.0, 0.0)];
        assert_eq!(scan.points, expected);
    }

    #[test]
    fn a_cloud_that_does_not_fit_its_data_is_refused() {
        let good = cloud(&[[0.5, -0.25, 2.0]; 6]);
        let spoil = |with: &dyn Fn(&mut PointCloud2)| {
            let mut bad = good.clone();
            with(&mut bad);
            read(&bad, STILL_AT())
        };
        assert!(spoil(&|_| ()).is_ok());
        for bad in [
            spoil(&|c| c.width = u32::MAX),
            spoil(&|c| (c.width, c.height) = (u32::MAX, u32::MAX)),
            spoil(&|c| c.height = 2),
            spoil(&|c| c.data.truncate(90)),
            spoil(&|c| c.point_step = 8),
            spoil(&|c| c.point_step = u32::MAX),
            spoil(&|c| c.row_step = 0),
            spoil(&|c| c.fields[1].offset = u32::MAX),
            spoil(&|c| c.fields[2].datatype = PointField::FLOAT64 as u8),
            spoil(&|c| c.fields.clear()),
        ] {
            assert!(matches!(bad, Err(ScanError::Cloud(_))), "{bad:?}");
        }
        // Nothing in it is nothing seen.
        let empty = spoil(&|c| (c.width, c.row_step, c.data) = (0, 0, Vec::new()));
        assert_eq!(empty.err(), Some(ScanError::Empty));
    }

    #[test]
    fn a_scan_goes_with_the_pose_of_its_own_moment() {
        let stamp = |ms: u32| Time {
            sec: 100,
            nanosec: ms * 1_000_000,
        };
        let pose = |x: f64| Transform::<Base, Head>::from_xyz_rpy([x, 0.0, 0.0], [0.0; 3]);
        let at = |ms: u32| {
            let mut cloud = cloud(&[[0.0; 3]]);
            cloud.header.stamp = stamp(ms);
            cloud.header.frame_id = "base".to_owned();
            cloud
        };
        let mut scans = Scans::default();
        let now = Micros::from_ms;
        assert_eq!(scans.latest("base", now(0)), Err(ScanError::None));
        for k in 0..20u32 {
            scans.take_pose(
                &stamp(10 * k),
                &pose(f64::from(k)),
                now(10 * u64::from(k) + 3),
            );
        }
        scans.take(at(112), now(300));
        let about = Tracked {
            at: now(113),
            before: pose(11.0),
            after: pose(12.0),
        };
        assert_eq!(scans.latest("base", now(310)).unwrap().1, about);
        assert_eq!(scans.latest("base", now(5_301)), Err(ScanError::None));
        assert!(matches!(
            scans.latest("map", now(310)),
            Err(ScanError::Frame { .. })
        ));
        scans.take(at(241), now(400));
        assert_eq!(scans.latest("base", now(400)), Err(ScanError::NoPose));
    }
}
