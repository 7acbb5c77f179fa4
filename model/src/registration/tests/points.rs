use super::*;

/// Points on the skin that a camera sees from a direction, misplaced by `rescan_from_scan`, with noise along the skin's direction.
fn seen(
    person: Person,
    from: Vector3<f64>,
    rescan_from_scan: &Transform<Rescan, Scan>,
    noise: f64,
) -> Vec<Point<Rescan>> {
    let skin = scan(person, 60, 0.3, noise);
    let seen = skin.vertices().iter().filter(|p| p.raw().dot(&from) > 0.02);
    seen.map(|p| *rescan_from_scan * *p).collect()
}

#[test]
fn points_of_a_tracked_head_come_to_lie_on_it() {
    let target = Target::new(&scan(ANNA, 90, 0.0, 0.0)).unwrap();
    let truth = motion([0.31, -0.12, 0.4], [0.2, 0.1, -0.6]);
    let from = Vector3::new(0.6, 0.5, 0.6).normalize();
    let mut points = seen(ANNA, from, &truth, 1e-4);
    let head = points.len();
    // The chair and a shoulder: farther from the head than counts.
    points.extend((0..head / 3).map(|k| {
        let k = k as f64 * 1e-3;
        truth * Point::new(-0.2 - 0.1 * k.sin(), 0.1 * k.cos(), -0.15)
    }));
    // Hair that has grown, or a cap's edge: within a centimetre, and wrong.
    points.extend(seen(ANNA, from, &truth, 0.0).iter().step_by(9).map(|p| {
        let on_head = truth.inverse() * *p;
        truth * Point::from_raw(on_head.raw() * 1.06)
    }));
    let start =
        truth.inverse() * Transform::from_xyz_rpy([0.004, -0.003, 0.005], [0.02, -0.03, 0.02]);
    let found = target.lay(&points, &start).unwrap();
    let pose = found.accept(&Limits::default()).unwrap();
    let off = |p: &Point<Rescan>| (pose * *p).distance(&(truth.inverse() * *p));
    let worst = points[..head].iter().map(off).fold(0.0, f64::max);
    assert!(worst < 1e-4, "{worst}");
    assert!(
        found.residual.rms < Length::from_mm(0.2),
        "{:?}",
        found.residual
    );
}

/// H3.
#[test]
fn points_of_another_head_or_of_too_little_are_refused() {
    let target = Target::new(&scan(ANNA, 90, 0.0, 0.0)).unwrap();
    let truth = motion([0.3, 0.0, 0.4], [0.0, 0.1, 0.3]);
    let from = Vector3::new(0.6, 0.5, 0.6).normalize();
    let other = seen(OTHER, from, &truth, 1e-4);
    let refusal = target.lay(&other, &truth.inverse()).unwrap();
    assert!(refusal.accept(&Limits::default()).is_err(), "{refusal:?}");
    // A palm's width of the crown says nothing of a turn about it.
    let crown: Vec<_> = seen(ANNA, from, &truth, 1e-4)
        .into_iter()
        .filter(|p| (truth.inverse() * *p).raw().z > 0.092)
        .collect();
    let refusal = target.lay(&crown, &truth.inverse()).unwrap();
    assert!(refusal.accept(&Limits::default()).is_err(), "{refusal:?}");
    // Nothing of the head.
    let far = [Point::new(3.0, 0.0, 0.0); 500];
    assert!(matches!(
        target.lay(&far, &truth.inverse()),
        Err(AlignError::NothingMet { .. })
    ));
    let not_finite = [Point::new(f64::NAN, 0.0, 0.0)];
    assert!(matches!(
        target.lay(&not_finite, &truth.inverse()),
        Err(AlignError::NotFinite { .. })
    ));
}

/// H7: skin that has swollen where it is worked on, or something that lies over it, is no registration, however well the rest fits.
#[test]
fn points_of_skin_that_changed_where_it_is_worked_on_are_refused() {
    let head = scan(ANNA, 90, 0.0, 0.0);
    let there = |p: &Point<Scan>| p.raw().z > 0.07;
    let dots = head.vertices().iter().copied().filter(there);
    let target = Target::new(&head).unwrap().with_worked(dots);
    let truth = motion([0.3, 0.0, 0.4], [0.0, 0.1, 0.3]);
    let points = seen(ANNA, Vector3::new(0.6, 0.5, 0.6).normalize(), &truth, 1e-4);
    let laid = target.lay(&points, &truth.inverse()).unwrap();
    assert!(laid.worked.unwrap() < Length::from_mm(0.2), "{laid:?}");
    laid.accept(&Limits::default()).unwrap();
    for by_mm in [-8.0, 12.0] {
        let changed = points.iter().map(|p| {
            let p = truth.inverse() * *p;
            let above = ((p.raw().z - 0.065) / 0.005).clamp(0.0, 1.0);
            truth * Point::from_raw(p.raw() * (1.0 + above * by_mm * 1e-3 / p.raw().norm()))
        });
        let laid = target.lay(&changed.collect::<Vec<_>>(), &truth.inverse());
        let laid = laid.unwrap();
        let worked = laid.worked.unwrap();
        assert!(worked > Length::from_mm(1.0), "{by_mm} mm: {worked:?}");
        assert!(laid.accept(&Limits::default()).is_err(), "{by_mm} mm");
    }
}

/// H7: a scanner that mirrors shows a head that is nearly right.
#[test]
fn mirrored_points_are_told_apart() {
    let head = scan(ANNA, 90, 0.0, 0.0);
    let target = Target::new(&head).unwrap();
    let target = target.with_mirror(Point::origin(), Direction::y());
    let truth = motion([0.3, 0.0, 0.4], [0.0, 0.1, 0.3]);
    for from in [[0.6, 0.5, 0.6], [0.9, 0.0, 0.4]] {
        let from = Vector3::from(from).normalize();
        let right = seen(ANNA, from, &truth, 1e-4);
        let laid = target.lay(&right, &truth.inverse()).unwrap();
        assert!(laid.mirrored.is_some_and(|m| m > laid.residual.rms));
        laid.accept(&Limits::default()).unwrap();
        let flip = |p: &Point<Rescan>| {
            let p = truth.inverse() * *p;
            truth * Point::from_raw(p.raw().component_mul(&Vector3::new(1.0, -1.0, 1.0)))
        };
        // Rough scans, too, in which noise is nearly all that either image leaves.
        let rough = seen(ANNA, from, &truth, 8e-4);
        let laid = target.lay(
            &rough.iter().map(flip).collect::<Vec<_>>(),
            &truth.inverse(),
        );
        let refusal = laid.unwrap().accept(&Limits::default()).unwrap_err();
        assert!(matches!(refusal, Refusal::Mirrored { .. }), "{refusal}");
        let mirrored: Vec<_> = right.iter().map(flip).collect();
        let laid = target.lay(&mirrored, &truth.inverse()).unwrap();
        let refusal = laid.accept(&Limits::default()).unwrap_err();
        assert!(matches!(refusal, Refusal::Mirrored { .. }), "{refusal}");
    }
}
