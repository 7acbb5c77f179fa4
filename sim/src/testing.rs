//! A small plan for tests: a head that is a ball on top and no ball below, a patch on its top, dots in a grid.

pub mod contract;

use stipple_controller::admit::layer_motions;
use stipple_model::arm::ArmSource;
use stipple_model::cell::Cell;
use stipple_model::clearance::WorkCell;
use stipple_model::digest::Digest;
use stipple_model::frames::{Direction, Head, Point, Transform};
use stipple_model::joints::Joints;
use stipple_model::limits::HOVER;
use stipple_model::mesh::SurfaceMesh;
use stipple_model::plan::{
    Anatomy, Dot, DotId, KeepOut, Outcome, Plan, Provenance, SessionParts, Shade, SkipReason, Zone,
    tip_pose,
};
use stipple_model::units::{Angle, Area, Density, Length};

const RADIUS: f64 = 0.09;

/// The skin in a direction: a ball about the top, below as uneven as a head, so that a scan says how it is turned.
fn skin(direction: nalgebra::Vector3<f64>) -> Point<Head> {
    let d = direction.normalize();
    let share = ((0.8 - d.z) / 0.4).clamp(0.0, 1.0);
    let below = share * share * (3.0 - 2.0 * share);
    let egg = 0.10 * d.x * d.x - 0.14 * d.y * d.y;
    let bumps = (7.0 * d.x + 1.0).sin() + (6.0 * d.y - 4.0 * d.z).sin();
    let nose = nalgebra::Vector3::new(1.0, 0.02, -0.2).normalize();
    let hill = (-(d - nose).norm_squared() / 0.02).exp();
    let radius = RADIUS * (1.0 + below * (egg + 0.03 * bumps)) + below * 0.022 * hill;
    Point::from_raw(d * radius)
}

/// That head about the origin, outward wound.
fn head(rings: usize) -> SurfaceMesh<Head> {
    let sectors = 2 * rings;
    let mut vertices = vec![Point::new(0.0, 0.0, RADIUS)];
    for i in 1..rings {
        for k in 0..sectors {
            let (polar, around) = (
                std::f64::consts::PI * i as f64 / rings as f64,
                std::f64::consts::TAU * k as f64 / sectors as f64,
            );
            let (ring, height) = (RADIUS * polar.sin(), RADIUS * polar.cos());
            let out = nalgebra::Vector3::new(ring * around.cos(), ring * around.sin(), height);
            vertices.push(skin(out));
        }
    }
    vertices.push(skin(-nalgebra::Vector3::z()));
    let at = |ring: usize, k: usize| (1 + (ring - 1) * sectors + k % sectors) as u32;
    let south = vertices.len() as u32 - 1;
    let mut triangles = Vec::new();
    for k in 0..sectors {
        triangles.push([0, at(1, k), at(1, k + 1)]);
        triangles.push([south, at(rings - 1, k + 1), at(rings - 1, k)]);
        for ring in 1..rings - 1 {
            triangles.push([at(ring, k), at(ring + 1, k), at(ring + 1, k + 1)]);
            triangles.push([at(ring, k), at(ring + 1, k + 1), at(ring, k + 1)]);
        }
    }
    SurfaceMesh::new(vertices, triangles).unwrap()
}

/// The dot on the ball in the direction of `out`.
fn dot(
    cell: &WorkCell,
    base_from_head: &Transform<stipple_model::frames::Base, Head>,
    out: nalgebra::Vector3<f64>,
) -> Dot {
    let normal = Direction::<Head>::new(out).unwrap();
    // On the mesh, not on the ball it stands for.
    let mesh = cell.field();
    let on_mesh = |r: f64| Point::<Head>::from_raw(normal.raw() * r);
    let (mut low, mut high) = (0.9 * RADIUS, 1.1 * RADIUS);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if mesh.exact(&on_mesh(middle)) < 0.0 {
            low = middle
        } else {
            high = middle
        }
    }
    let position = on_mesh(low);
    let outcome = (0..24)
        .find_map(|k| {
            let roll = Angle::from_deg(15.0 * f64::from(k));
            let target = *base_from_head * tip_pose(&position, &-normal, roll, HOVER);
            let near = Joints::from_slice(&[0.0, -1.5, 1.5, -1.5, -1.5, 0.0]).unwrap();
            let clear = |q: &&Joints| cell.blocked(q, base_from_head).is_none();
            let hover = *cell
                .arm()
                .inverse(&cell.flange_for_tip(&target), &near)
                .iter()
                .find(clear)?;
            Some(Outcome::Planned { roll, hover })
        })
        .unwrap_or(Outcome::Skipped(SkipReason::OutOfReach));
    Dot {
        position,
        normal,
        needle: -normal,
        depth: Length::from_mm(0.8),
        diameter: Length::from_mm(0.2),
        shade: 0,
        zone: 0,
        layer: 1,
        outcome,
    }
}

/// A plan of `rows` × `rows` dots, 2 mm apart, on the top of a ball, and its work cell.
pub fn small_plan(rows: u32) -> (Plan, WorkCell) {
    let head = head(48);
    let mut cell = Cell::shipped(ArmSource::ur5e()).unwrap();
    cell.base_from_head = Transform::from_xyz_rpy([0.5, 0.0, 0.2], [0.0; 3]);
    cell.boxes.clear();
    let work_cell = WorkCell::new(&cell, &head).unwrap();
    let offset = |i: u32| (f64::from(i) - 0.5 * f64::from(rows - 1)) * 2e-3;
    let mut dots = Vec::new();
    for row in 0..rows {
        for column in 0..rows {
            // Back and forth, as a tour goes.
            let column = if row % 2 == 0 {
                column
            } else {
                rows - 1 - column
            };
            dots.push(dot(
                &work_cell,
                &cell.base_from_head,
                nalgebra::Vector3::new(offset(row) - 0.02, offset(column), RADIUS),
            ));
        }
    }
    let planned = |(i, d): (usize, &Dot)| {
        matches!(d.outcome, Outcome::Planned { .. }).then_some(DotId(i as u32))
    };
    let sequence: Vec<DotId> = dots.iter().enumerate().filter_map(planned).collect();
    assert_eq!(
        sequence.len(),
        (rows * rows) as usize,
        "the arm reaches every dot of the test plan"
    );
    let top = |t: &usize| head.corners(*t).iter().all(|p| p.raw().z > 0.5 * RADIUS);
    let patch = (0..head.triangles().len())
        .filter(top)
        .map(|t| t as u32)
        .collect();
    let anatomy = Anatomy::upright();
    let keep_outs = anatomy.eyes_and_ears().map(|(name, center)| KeepOut {
        name: name.to_owned(),
        center,
        radius: Length::from_mm(14.0),
    });
    let mut plan = Plan {
        provenance: Provenance {
            planner_version: "test".to_owned(),
            seed: 0,
            scan_digest: Digest::of(b"scan"),
            landmarks_digest: Digest::of(b"landmarks"),
            treatment: String::new(),
            metres_per_scan_unit: 1e-3,
        },
        purpose: stipple_model::treatment::Purpose::Treatment,
        fitted: None,
        dwell: stipple_model::limits::DWELL,
        head_from_scan: Transform::identity(),
        cell,
        head,
        patch,
        anatomy,
        wanted: Vec::new(),
        keep_outs: keep_outs.into(),
        zones: vec![Zone {
            name: "top".to_owned(),
            area: Area::from_cm2(10.0),
            target: Density::from_per_cm2(25.0),
            depth_cap: Length::from_mm(1.5),
            needle: None,
            healed_diameter: None,
        }],
        shades: vec![Shade {
            name: "grey".to_owned(),
            rgb: [70, 60, 55],
            dilution: None,
        }],
        layers: 1,
        dots,
        sequence: vec![sequence],
        measures: Vec::new(),
        findings: Vec::new(),
        stops: vec![Vec::new()],
        station: None,
        needles: vec![None],
        skips: Vec::new(),
        session_estimate: stipple_model::plan::SessionEstimate {
            layers: vec![SessionParts::default()],
        },
    };
    let motions = layer_motions(&plan, &work_cell).unwrap();
    for (parts, motion) in plan.session_estimate.layers.iter_mut().zip(motions) {
        (parts.motion, parts.station_ways) = (motion.hops, motion.ways);
    }
    plan.check().unwrap();
    (plan, work_cell)
}
