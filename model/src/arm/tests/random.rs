//! Arms nobody has built: random axes with the shapes that closed forms know, in random frames.

use nalgebra::{Isometry3, Rotation3, Translation3, Unit, UnitQuaternion, Vector3};

use super::super::{Arm, ArmSource};

/// A small generator of the same numbers everywhere (Knuth's linear congruence, upper bits).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn share(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn within(&mut self, half: f64) -> f64 {
        half * (2.0 * self.share() - 1.0)
    }

    pub fn vector(&mut self, half: f64) -> Vector3<f64> {
        Vector3::new(self.within(half), self.within(half), self.within(half))
    }

    pub fn unit(&mut self) -> Vector3<f64> {
        loop {
            let v = self.vector(1.0);
            if (0.1..1.0).contains(&v.norm()) {
                return v.normalize();
            }
        }
    }

    /// A unit vector at 35 degrees or more from another.
    fn askew(&mut self, from: &Vector3<f64>) -> Vector3<f64> {
        loop {
            let v = self.unit();
            if v.cross(from).norm() > 0.6 {
                return v;
            }
        }
    }

    fn sign(&mut self) -> f64 {
        if self.share() < 0.5 { -1.0 } else { 1.0 }
    }

    pub fn rotation(&mut self) -> Rotation3<f64> {
        Rotation3::from_axis_angle(&Unit::new_normalize(self.unit()), self.within(3.0))
    }

    /// Somewhere 0.25 to 0.5 m away, at least 0.2 m off an axis.
    fn limb(&mut self, axis: &Vector3<f64>) -> Vector3<f64> {
        loop {
            let v = self.vector(0.5);
            if v.norm() < 0.5 && v.cross(axis).norm() > 0.2 {
                return v;
            }
        }
    }
}

/// A chain by its axes (point, direction) in the base frame.
pub type Axes = Vec<(Vector3<f64>, Vector3<f64>)>;

/// Which shape to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    ThreeParallel,
    ParallelElbow,
    Shoulder,
    SevenSpherical,
    SevenOffset,
    Crooked,
}

pub const SIX: [Kind; 3] = [Kind::ThreeParallel, Kind::ParallelElbow, Kind::Shoulder];

/// Axes of a kind; a wrist or shoulder that meets does so at a point that no axis' own point need be.
pub fn axes(kind: Kind, dice: &mut Dice) -> Axes {
    let h1 = dice.unit();
    let p1 = dice.vector(0.2);
    let h2 = dice.askew(&h1);
    let p2 = p1 + dice.vector(0.2);
    match kind {
        Kind::ThreeParallel => {
            let mut chain = vec![slid(p1, h1, dice), slid(p2, h2, dice)];
            let p3 = p2 + dice.limb(&h2);
            chain.push((p3, h2 * dice.sign()));
            let p4 = p3 + dice.limb(&h2);
            chain.push((p4, h2 * dice.sign()));
            let h5 = dice.askew(&h2);
            let meet = p4 + dice.vector(0.15);
            let h6 = dice.askew(&h5);
            chain.extend([
                (meet + h5 * dice.within(0.1), h5),
                (meet + h6 * dice.within(0.1), h6),
            ]);
            chain
        }
        Kind::ParallelElbow => {
            let mut chain = vec![slid(p1, h1, dice), slid(p2, h2, dice)];
            let p3 = p2 + dice.limb(&h2);
            chain.push((p3, h2 * dice.sign()));
            let centre = p3 + dice.limb(&h2);
            wrist(centre, &h2, dice, &mut chain);
            chain
        }
        Kind::Shoulder => {
            let mut chain = vec![slid(p1, h1, dice), slid(p1, h2, dice)];
            let h3 = dice.askew(&h2);
            let p3 = p1 + dice.limb(&h3);
            chain.push((p3, h3));
            let centre = p3 + dice.limb(&h3);
            wrist(centre, &h3, dice, &mut chain);
            chain
        }
        Kind::SevenSpherical | Kind::SevenOffset => {
            let mut chain = vec![slid(p1, h1, dice), slid(p1, h2, dice)];
            let h3 = dice.askew(&h2);
            chain.push(slid(p1, h3, dice));
            let h4 = dice.askew(&h3);
            let elbow = p1 + dice.limb(&h4);
            chain.push((elbow, h4));
            let centre = elbow + dice.limb(&h4);
            wrist(centre, &h4, dice, &mut chain);
            if kind == Kind::SevenOffset {
                // The last axis passes the others, as on the arms with a flange aside.
                let (_, h) = chain[6];
                let aside = h.cross(&chain[5].1).normalize() * 0.09;
                chain[6].0 += aside;
            }
            chain
        }
        Kind::Crooked => {
            let mut chain = vec![(p1, h1), (p2, h2)];
            for _ in 2..6 {
                let (p, h) = chain[chain.len() - 1];
                let next = dice.askew(&h);
                chain.push((p + dice.limb(&h), next));
            }
            chain
        }
    }
}

fn slid(p: Vector3<f64>, h: Vector3<f64>, dice: &mut Dice) -> (Vector3<f64>, Vector3<f64>) {
    (p + h * dice.within(0.2), h)
}

fn wrist(centre: Vector3<f64>, before: &Vector3<f64>, dice: &mut Dice, chain: &mut Axes) {
    let h4 = dice.askew(before);
    let h5 = dice.askew(&h4);
    let h6 = dice.askew(&h5);
    for h in [h4, h5, h6] {
        chain.push(slid(centre, h, dice));
    }
}

/// The same chain from the other end.
pub fn turned_round(mut axes: Axes) -> Axes {
    axes.reverse();
    axes
}

/// A URDF of these axes, each joint's frame turned at random, a flange at random behind, limits of ±`limit` rad.
pub fn arm(axes: &Axes, base: &Isometry3<f64>, limit: f64, dice: &mut Dice) -> Arm {
    let source = ArmSource {
        name: "random".to_owned(),
        urdf: urdf(axes, base, limit, dice),
        ..ArmSource::ur5e()
    };
    Arm::from_source(&source).unwrap()
}

fn origin(iso: &Isometry3<f64>) -> String {
    let (r, p, y) = iso.rotation.euler_angles();
    let t = iso.translation.vector;
    format!(
        "<origin xyz=\"{} {} {}\" rpy=\"{r} {p} {y}\"/>",
        t.x, t.y, t.z
    )
}

pub fn urdf(axes: &Axes, base: &Isometry3<f64>, limit: f64, dice: &mut Dice) -> String {
    let mut text = String::from("<robot name=\"random\"><link name=\"l0\"/>");
    let mut before = base.inverse();
    for (i, (point, direction)) in axes.iter().enumerate() {
        let rotation = UnitQuaternion::from_rotation_matrix(&dice.rotation());
        let frame = Isometry3::from_parts(Translation3::from(*point), rotation);
        let axis = rotation.inverse() * direction * (0.5 + dice.share());
        let n = i + 1;
        text += &format!(
            "<link name=\"l{n}\"/><joint name=\"j{n}\" type=\"revolute\"><parent link=\"l{i}\"/><child link=\"l{n}\"/>{}\
             <axis xyz=\"{} {} {}\"/><limit lower=\"{}\" upper=\"{limit}\" velocity=\"2\" effort=\"1\"/></joint>",
            origin(&(before.inverse() * frame)),
            axis.x,
            axis.y,
            axis.z,
            -limit,
        );
        before = frame;
    }
    let flange = Isometry3::from_parts(
        Translation3::from(dice.vector(0.1)),
        UnitQuaternion::from_rotation_matrix(&dice.rotation()),
    );
    text += &format!(
        "<link name=\"tool0\"/><joint name=\"fixed\" type=\"fixed\"><parent link=\"l{}\"/><child link=\"tool0\"/>{}</joint></robot>",
        axes.len(),
        origin(&flange)
    );
    text
}

/// Axes off by up to so many rad and metres, as a calibrated arm's are.
pub fn off(axes: &Axes, by: f64, dice: &mut Dice) -> Axes {
    let one = |(p, h): &(Vector3<f64>, Vector3<f64>)| {
        (p + dice.vector(by), (h + dice.vector(by)).normalize())
    };
    axes.iter().map(one).collect()
}
