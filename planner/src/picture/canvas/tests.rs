//! What a canvas shows.

use super::*;
use stipple_model::frames::Direction;
use stipple_model::mesh::SurfaceMesh;

use crate::picture::tissue::Column;

const INKS: [u8; 3] = [60, 50, 48];
/// Pixels shown, and millimetres.
const SIDE: u32 = 200;
const WIDTH: f64 = 0.1;
const COAT: Coat<'static> = Coat {
    outside: &|_| SKIN,
    inside: [0, 0, 255],
};

/// A square of 0.2 m at a distance, facing x.
fn square(x: f64) -> SurfaceMesh<Head> {
    let corners = [(-0.1, -0.1), (0.1, -0.1), (0.1, 0.1), (-0.1, 0.1)];
    let vertices = corners.iter().map(|&(y, z)| Point::new(x, y, z)).collect();
    SurfaceMesh::new(vertices, vec![[0, 1, 2], [0, 2, 3]]).unwrap()
}

/// The light of the red channel over the picture, in shown pixels, and that of one pixel of plain skin.
fn light(head: &SurfaceMesh<Head>, toward: Direction<Head>, inks: &[Ink]) -> (f64, f64) {
    let surface = Surface::new(head);
    let camera = Camera::new(toward, Direction::z(), Vector3::zeros(), WIDTH, [SIDE; 2]);
    let mut canvas = Canvas::new(&surface, camera, Linear([0.0; 3]), &COAT);
    let (_, plain) = canvas.shown();
    let one = f64::from(plain[plain.len() / 2].0[0]);
    inks.iter().for_each(|ink| canvas.ink(ink));
    let (_, pixels) = canvas.shown();
    (pixels.iter().map(|p| f64::from(p.0[0])).sum(), one)
}

/// Dots half a millimetre deep.
fn stain(diameter: f64) -> Arc<Stain> {
    Arc::new(Stain::new(&Column {
        diameter,
        top: 0.0,
        bottom: 0.000_5,
    }))
}

/// Dots on a lattice of 4 mm, each at another place within its pixel.
fn inks(count: u32, diameter: f64) -> Vec<Ink> {
    (0..count)
        .map(|i| {
            let (row, column) = (f64::from(i / 20), f64::from(i % 20));
            let jitter = (f64::from(i) * 0.618_034).fract() * 5e-4;
            let (y, z) = (
                0.004 * column - 0.04 + jitter,
                0.004 * row - 0.04 + 0.7 * jitter,
            );
            Ink::new(Vector3::new(0.0, y, z), Vector3::x(), stain(diameter), INKS)
        })
        .collect()
}

#[test]
fn a_dot_takes_what_pigment_of_its_size_takes_whatever_a_pixel_is() {
    let head = square(0.0);
    let (bare, one) = light(&head, Direction::x(), &[]);
    let per_metre = f64::from(SIDE) / WIDTH;
    // 0.06 mm is an eighth of a shown pixel, 0.5 mm is a whole one.
    // What one part of a dot takes another cannot take again: more of it the wider the dot.
    for (diameter, least) in [(0.000_06, 0.93), (0.000_17, 0.85), (0.000_5, 0.7)] {
        for count in [100, 200] {
            let (with, _) = light(&head, Direction::x(), &inks(count, diameter));
            let absorbs = f64::from(inks(1, diameter)[0].absorbs[0]);
            let area = std::f64::consts::PI * (0.5 * diameter * per_metre).powi(2);
            let gain = stain(diameter).gain[0];
            let expected = f64::from(count) * absorbs * one * area * gain;
            let ratio = (bare - with) / expected;
            assert!(
                (least..1.005).contains(&ratio),
                "{count} dots of {diameter}: {ratio}"
            );
        }
    }
}

#[test]
fn the_same_dots_darken_as_much_on_a_picture_of_twice_the_size() {
    let head = square(0.0);
    let surface = Surface::new(&head);
    let share = |size: u32| {
        let camera = Camera::new(
            Direction::x(),
            Direction::z(),
            Vector3::zeros(),
            WIDTH,
            [size; 2],
        );
        let mut canvas = Canvas::new(&surface, camera, Linear([0.0; 3]), &COAT);
        let sum = |c: &Canvas, k: usize| c.shown().1.iter().map(|p| f64::from(p.0[k])).sum::<f64>();
        let before = [0, 1, 2].map(|k| sum(&canvas, k));
        inks(400, 0.000_17).iter().for_each(|ink| canvas.ink(ink));
        [0, 1, 2].map(|k| 1.0 - sum(&canvas, k) / before[k])
    };
    let (small, large, huge) = (share(150), share(300), share(900));
    for k in 0..3 {
        assert!(
            (small[k] / large[k] - 1.0).abs() < 0.05,
            "{small:?} {large:?}"
        );
        assert!(
            (huge[k] / large[k] - 1.0).abs() < 0.05,
            "{huge:?} {large:?}"
        );
    }
    assert!(
        small[0] > small[1] && small[1] > small[2],
        "cooler: {small:?}"
    );
}

#[test]
fn twice_the_dots_take_twice_the_light_where_they_stand_apart_and_less_where_they_crowd() {
    let head = square(0.0);
    let (bare, _) = light(&head, Direction::x(), &[]);
    let loss = |dots: &[Ink]| bare - light(&head, Direction::x(), dots).0;
    let apart = loss(&inks(400, 0.000_17)) / loss(&inks(200, 0.000_17));
    assert!((apart - 2.0).abs() < 0.02, "{apart}");
    // The second of two that stand 0.2 mm apart finds less light.
    let pair = |away: f64| {
        let at = |y: f64| {
            Ink::new(
                Vector3::new(0.0, y, 0.0),
                Vector3::x(),
                stain(0.000_17),
                INKS,
            )
        };
        loss(&[at(0.0), at(away)]) / loss(&[at(0.0)])
    };
    assert!((1.5..1.95).contains(&pair(0.000_2)), "{}", pair(0.000_2));
    assert!((pair(0.01) - 2.0).abs() < 0.03, "{}", pair(0.01));
    assert!(loss(&inks(1, 0.000_17)) > 0.0);
}

#[test]
fn lighter_pigment_takes_less_and_the_skins_own_color_nothing() {
    let ink = |rgb| Ink::new(Vector3::zeros(), Vector3::x(), stain(0.000_2), rgb);
    assert_eq!(ink(SKIN).absorbs, [0.0; 3]);
    assert_eq!(ink([0; 3]).absorbs, [1.0; 3]);
    let (light, dark) = (ink([112, 96, 86]).absorbs, ink([52, 44, 41]).absorbs);
    assert!((0..3).all(|k| light[k] < dark[k] && light[k] > 0.5));
}

#[test]
fn the_inside_of_an_open_scan_is_flat_and_takes_no_pigment() {
    let shade = |toward: Direction<Head>, dots: &[Ink]| {
        let head = square(0.0);
        let surface = Surface::new(&head);
        let camera = Camera::new(toward, Direction::z(), Vector3::zeros(), WIDTH, [SIDE; 2]);
        let mut canvas = Canvas::new(&surface, camera, Linear([0.0; 3]), &COAT);
        dots.iter().for_each(|ink| canvas.ink(ink));
        canvas.shown().1
    };
    let inside = shade(-Direction::x(), &inks(50, 0.000_3));
    assert!(inside.iter().all(|p| *p == Linear::from_srgb(COAT.inside)));
    let outside = shade(Direction::x(), &[]);
    assert!(outside.iter().all(|p| p.0[0] > p.0[2]));
}

#[test]
fn a_dot_shows_from_its_own_side_and_not_through_the_head() {
    let head = square(0.0);
    let seen = |head: &SurfaceMesh<Head>, toward: Direction<Head>| {
        let (bare, _) = light(head, toward, &[]);
        bare - light(head, toward, &inks(50, 0.000_3)).0
    };
    assert!(seen(&head, Direction::x()) > 1.0);
    assert_eq!(seen(&head, -Direction::x()), 0.0);
    // Skin 5 mm in front of the dots hides them.
    assert_eq!(seen(&square(0.005), Direction::x()), 0.0);
}

#[test]
fn a_dot_seen_obliquely_is_foreshortened() {
    let head = square(0.0);
    let oblique = Direction::new(Vector3::new(1.0, 3f64.sqrt(), 0.0)).unwrap();
    let loss = |toward| {
        let (bare, one) = light(&head, toward, &[]);
        (bare - light(&head, toward, &inks(100, 0.000_17)).0) / one
    };
    let ratio = loss(oblique) / loss(Direction::x());
    assert!((ratio - 0.5).abs() < 0.02, "{ratio}");
}

#[test]
fn marks_and_lines_show_where_nothing_hides_them() {
    let (head, front) = (square(0.0), square(0.02));
    let red = |head: &SurfaceMesh<Head>| {
        let surface = Surface::new(head);
        let camera = Camera::new(
            Direction::x(),
            Direction::z(),
            Vector3::zeros(),
            WIDTH,
            [SIDE; 2],
        );
        let mut canvas = Canvas::new(&surface, camera, Linear([0.0; 3]), &COAT);
        let (a, b) = (Vector3::new(0.0, -0.03, 0.0), Vector3::new(0.0, 0.03, 0.01));
        canvas.line(&a, &b, 3.0, [255, 0, 0]);
        let place = canvas.find(&a);
        let (_, pixels) = canvas.shown();
        (
            pixels
                .iter()
                .filter(|p| p.0[1] == 0.0 && p.0[0] == 1.0)
                .count(),
            place,
        )
    };
    let (seen, place) = red(&head);
    assert!((200..500).contains(&seen), "{seen}");
    let [x, y] = place.unwrap();
    assert!((x - 40.0).abs() < 0.6 && (y - 100.0).abs() < 0.6);
    assert_eq!(red(&front), (0, None));
}
