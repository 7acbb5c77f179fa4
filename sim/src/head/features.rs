//! The features a head is sculpted from, one function each; figures in millimetres, in the anatomical frame.

use nalgebra::{UnitQuaternion, Vector3};

use super::anatomy::Traits;
use super::field::{Join, Part, Solid};

/// A vector in millimetres, as metres.
fn mm(x: f64, y: f64, z: f64) -> Vector3<f64> {
    Vector3::new(x, y, z) * 1e-3
}

/// Collects parts.
struct Sculpture(Vec<Part>);

impl Sculpture {
    fn ellipsoid(
        &mut self,
        join: Join,
        blend_mm: f64,
        center: Vector3<f64>,
        radii: Vector3<f64>,
        turn: UnitQuaternion<f64>,
    ) {
        let solid = Solid::Ellipsoid {
            center,
            radii,
            rotation: turn,
        };
        self.0.push(Part::new(solid, join, blend_mm * 1e-3));
    }

    fn upright(&mut self, join: Join, blend_mm: f64, center: Vector3<f64>, radii: Vector3<f64>) {
        self.ellipsoid(join, blend_mm, center, radii, UnitQuaternion::identity());
    }

    fn cone(
        &mut self,
        join: Join,
        blend_mm: f64,
        from: (Vector3<f64>, f64),
        to: (Vector3<f64>, f64),
    ) {
        let solid = Solid::Cone {
            from: from.0,
            from_radius: from.1 * 1e-3,
            to: to.0,
            to_radius: to.1 * 1e-3,
        };
        self.0.push(Part::new(solid, join, blend_mm * 1e-3));
    }
}

/// Left and right.
const SIDES: [f64; 2] = [1.0, -1.0];

/// The whole head, feature on feature.
pub fn sculpt(t: &Traits) -> Vec<Part> {
    let mut sculpture = Sculpture(Vec::new());
    skull(&mut sculpture, t);
    face(&mut sculpture, t);
    eyes(&mut sculpture, t);
    nose(&mut sculpture, t);
    mouth(&mut sculpture, t);
    neck(&mut sculpture, t);
    for side in SIDES {
        ear(&mut sculpture, t, side);
    }
    sculpture.0
}

fn skull(s: &mut Sculpture, t: &Traits) {
    use Join::{Onto, OutOf};
    // Braincase: widest behind and above the ears, narrower in front.
    s.upright(
        Onto,
        30.0,
        mm(-12.0, 0.0, 52.0),
        mm(77.0 + 0.5 * t.occiput, 73.5, 77.0),
    );
    s.upright(
        Onto,
        40.0,
        mm(34.0 + 0.6 * t.forehead, 0.0, 56.0),
        mm(57.0, 57.0, 58.0),
    );
    s.upright(
        Onto,
        40.0,
        mm(-44.0 - t.occiput, 0.0, 38.0),
        mm(45.0, 56.0, 46.0),
    );
    // The two parietal bosses, and the keel between them kept low.
    for side in SIDES {
        s.upright(
            Onto,
            36.0,
            mm(-30.0, side * 34.0, 74.0 + t.parietal),
            mm(42.0, 36.0, 42.0),
        );
        // Frontal bosses.
        s.upright(
            Onto,
            30.0,
            mm(58.0 + t.forehead, side * 18.0, 68.0),
            mm(28.0, 24.0, 28.0),
        );
        // Mastoid, behind and below the ear.
        s.cone(
            Onto,
            18.0,
            (mm(-22.0, side * 56.0, 8.0), 15.0),
            (mm(-12.0, side * 54.0, -22.0), 10.0),
        );
        // Temple: slightly hollow behind the brow's end.
        s.upright(
            OutOf,
            26.0,
            mm(54.0, side * 92.0, 40.0),
            mm(34.0, 26.0, 30.0),
        );
    }
    // Back of the skull down to the neck line.
    s.upright(Onto, 34.0, mm(-40.0, 0.0, 2.0), mm(44.0, 54.0, 36.0));
}

fn face(s: &mut Sculpture, t: &Traits) {
    use Join::{Onto, OutOf};
    // Upper jaw and the middle of the face.
    s.upright(Onto, 24.0, mm(48.0, 0.0, 4.0), mm(45.0, 58.0, 48.0));
    s.upright(Onto, 20.0, mm(58.0, 0.0, -34.0), mm(34.0, 38.0, 34.0));
    // Floor of the mouth, between the jaw's arms.
    s.upright(
        Onto,
        24.0,
        mm(28.0, 0.0, -48.0),
        mm(46.0, 44.0 + 0.5 * t.jaw_width, 30.0),
    );
    for side in SIDES {
        let corner = mm(6.0, side * (48.0 + t.jaw_width), -52.0);
        // The jaw's arm: up to the ear, and forward to the chin.
        s.cone(
            Onto,
            20.0,
            (mm(6.0, side * 56.0, -8.0), 13.0),
            (corner, 12.0),
        );
        s.cone(
            Onto,
            22.0,
            (corner, 12.0),
            (mm(68.0 + t.chin, side * 12.0, -76.0), 12.0),
        );
        // Cheekbone and its arch back to the ear.
        s.cone(
            Onto,
            20.0,
            (mm(64.0, side * (41.0 + 0.5 * t.cheek), -2.0), 15.0),
            (mm(36.0, side * (55.0 + t.cheek), 3.0), 11.0),
        );
        s.cone(
            Onto,
            16.0,
            (mm(36.0, side * (55.0 + t.cheek), 3.0), 11.0),
            (mm(8.0, side * 61.0, 3.0), 10.0),
        );
        // Cheek: soft tissue between cheekbone and jaw.
        s.upright(
            Onto,
            22.0,
            mm(50.0, side * 37.0, -30.0),
            mm(32.0, 25.0, 32.0),
        );
        // Hollow below the cheekbone.
        s.upright(
            OutOf,
            20.0,
            mm(46.0, side * 82.0, -34.0),
            mm(26.0, 18.0, 22.0),
        );
    }
    s.upright(
        Onto,
        14.0,
        mm(77.0 + t.chin, 0.0, -77.0),
        mm(13.0, 17.0, 12.0),
    );
}

fn eyes(s: &mut Sculpture, t: &Traits) {
    use Join::{Onto, OutOf};
    for side in SIDES {
        // Brow: an arch from above the nose's root out to the temple.
        s.cone(
            Onto,
            14.0,
            (mm(85.0 + t.brow, side * 9.0, 38.0), 9.0),
            (mm(83.0 + t.brow, side * 30.0, 42.0), 9.0),
        );
        s.cone(
            Onto,
            14.0,
            (mm(83.0 + t.brow, side * 30.0, 42.0), 9.0),
            (mm(66.0, side * 50.0, 32.0), 9.0),
        );
        // Socket, then the eye with closed lids in it.
        s.upright(
            OutOf,
            13.0,
            mm(100.0, side * 32.0, 19.0),
            mm(22.0, 17.0, 12.0),
        );
        s.upright(Onto, 5.0, mm(70.0, side * 32.0, 18.0), mm(14.5, 15.0, 12.5));
        // The slit between the lids.
        s.cone(
            OutOf,
            2.5,
            (mm(84.5, side * 24.0, 14.8), 0.8),
            (mm(81.0, side * 43.0, 15.6), 0.6),
        );
    }
}

fn nose(s: &mut Sculpture, t: &Traits) {
    use Join::{Onto, OutOf};
    let tip = mm(105.0 + t.nose_length, 0.0, -9.0);
    s.cone(
        Onto,
        12.0,
        (mm(83.0, 0.0, 28.0), 7.0),
        (mm(97.0 + 0.6 * t.nose_length, 0.0, 5.0), 6.5),
    );
    s.cone(
        Onto,
        10.0,
        (mm(97.0 + 0.6 * t.nose_length, 0.0, 5.0), 6.5),
        (tip, 8.0),
    );
    s.cone(Onto, 8.0, (tip, 8.0), (mm(92.0, 0.0, -16.0), 7.0));
    for side in SIDES {
        // Wing, the crease around it, nostril.
        s.upright(
            Onto,
            8.0,
            mm(96.0, side * (10.0 + t.nose_width), -12.5),
            mm(10.0, 6.5, 7.0),
        );
        // Flank, from the bridge down to the cheek.
        s.cone(
            Onto,
            12.0,
            (mm(86.0, side * 6.0, 14.0), 7.0),
            (mm(88.0, side * 12.0, -8.0), 7.0),
        );
        s.upright(OutOf, 3.0, mm(101.0, side * 6.0, -19.5), mm(6.0, 3.2, 4.0));
    }
    // The root between brow and bridge.
    s.upright(OutOf, 12.0, mm(101.0, 0.0, 29.0), mm(8.0, 16.0, 7.0));
}

fn mouth(s: &mut Sculpture, t: &Traits) {
    use Join::{Onto, OutOf};
    // Upper lip with its two peaks, lower lip, each an arch around the teeth.
    for side in SIDES {
        s.cone(
            Onto,
            6.0,
            (mm(90.0, side * 5.0, -34.5), 5.5 + 0.5 * t.lips),
            (mm(80.0, side * 24.0, -39.5), 3.5),
        );
        s.cone(
            Onto,
            6.0,
            (mm(88.5, 0.0, -46.0), 6.0 + 0.5 * t.lips),
            (mm(79.0, side * 23.0, -41.0), 3.5),
        );
        s.cone(
            OutOf,
            3.0,
            (mm(96.5, 0.0, -40.3), 1.2),
            (mm(86.0, side * 24.0, -40.6), 0.6),
        );
        // The fold from the nose's wing to the mouth's corner.
        s.cone(
            OutOf,
            9.0,
            (mm(96.0, side * 20.0, -18.0), 1.5),
            (mm(88.0, side * 31.0, -38.0), 1.0),
        );
    }
    // Groove under the nose, and the one between lip and chin.
    s.cone(
        OutOf,
        5.0,
        (mm(101.0, 0.0, -22.0), 2.5),
        (mm(98.0, 0.0, -30.0), 2.5),
    );
    s.cone(
        OutOf,
        12.0,
        (mm(100.0, 14.0, -60.0), 6.5),
        (mm(100.0, -14.0, -60.0), 6.5),
    );
}

fn neck(s: &mut Sculpture, t: &Traits) {
    use Join::Onto;
    let r = 47.0 + 0.6 * t.neck;
    s.cone(
        Onto,
        26.0,
        (mm(-26.0, 0.0, -20.0), r),
        (mm(-34.0, 0.0, -170.0), r + 6.0),
    );
    for side in SIDES {
        // The muscle from behind the ear to the collar bone, and the slope to the shoulder.
        s.cone(
            Onto,
            20.0,
            (mm(-18.0, side * 48.0, -14.0), 12.0),
            (mm(14.0, side * 16.0, -140.0), 12.0),
        );
        s.cone(
            Onto,
            40.0,
            (mm(-46.0, side * 24.0, -104.0), 24.0),
            (mm(-42.0, side * 150.0, -190.0), 34.0),
        );
    }
    // Throat, larynx, nape.
    s.cone(
        Onto,
        26.0,
        (mm(30.0, 0.0, -58.0), 22.0),
        (mm(2.0, 0.0, -150.0), 30.0),
    );
    s.upright(Onto, 14.0, mm(22.0, 0.0, -104.0), mm(13.0, 11.0, 14.0));
    s.cone(
        Onto,
        26.0,
        (mm(-58.0, 0.0, -20.0), 26.0),
        (mm(-62.0, 0.0, -160.0), 34.0),
    );
}

/// An outer ear: a plate that leans off the head, its rolled rim, the hollow, the tragus and the lobe.
fn ear(s: &mut Sculpture, t: &Traits, side: f64) {
    use Join::{Onto, OutOf};
    let size = 1.0 + t.ear_size;
    // The ear's own axes: x backwards along the plate, y outwards from it, z up along it; leaning back by 12 degrees.
    let lean = UnitQuaternion::from_axis_angle(&Vector3::y_axis(), -12f64.to_radians());
    let open =
        UnitQuaternion::from_axis_angle(&Vector3::z_axis(), -side * t.ear_angle.to_radians());
    let turn = open * lean;
    let root = mm(-4.0, side * 70.0, 4.0);
    let at = |x: f64, y: f64, z: f64| root + turn * (mm(-x, side * y, z) * size);
    s.ellipsoid(
        Onto,
        7.0,
        at(13.0, 2.0, 4.0),
        mm(17.0, 4.5, 28.0) * size,
        turn,
    );
    s.ellipsoid(
        OutOf,
        4.0,
        at(11.0, 8.5, 0.0),
        mm(9.0, 6.5, 12.0) * size,
        turn,
    );
    // The rim as a chain, from the crus in the hollow up, over and down to the lobe.
    const RIM: [(f64, f64, f64); 9] = [
        (8.0, 3.0, 6.0),
        (1.5, 4.5, 14.0),
        (3.0, 5.5, 25.0),
        (11.0, 6.0, 31.0),
        (21.0, 6.0, 28.0),
        (28.0, 6.0, 18.0),
        (28.0, 5.5, 6.0),
        (23.0, 5.0, -8.0),
        (15.0, 4.5, -20.0),
    ];
    for pair in RIM.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        s.cone(
            Onto,
            3.0,
            (at(a.0, a.1, a.2), 2.6),
            (at(b.0, b.1, b.2), 2.6),
        );
    }
    // The inner fold, the lobe, the tragus.
    s.cone(
        Onto,
        4.0,
        (at(15.0, 5.0, 18.0), 2.4),
        (at(20.0, 5.5, -2.0), 2.4),
    );
    s.cone(
        Onto,
        4.0,
        (at(20.0, 5.5, -2.0), 2.4),
        (at(14.0, 5.5, -13.0), 2.6),
    );
    s.ellipsoid(
        Onto,
        5.0,
        at(8.0, 3.0, -22.0),
        mm(8.0, 4.0, 9.0) * size,
        turn,
    );
    s.upright(Onto, 5.0, at(-1.0, 3.0, -3.0), mm(5.0, 4.0, 6.0));
}
