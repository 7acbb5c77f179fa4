//! How skin looks: a large soft lamp from above, light from the room, and shade where the surface hides itself.

use nalgebra::Vector3;
use rayon::prelude::*;

use super::camera::Camera;
use super::color::Linear;

/// Skin in full light, sRGB. Source: this project's own choice of a fair scalp, on which every shade can be seen.
pub(crate) const SKIN: [u8; 3] = [228, 190, 166];
/// How far light creeps round the edge of shadow in skin, per channel: red light farthest.
const CREEP: [f32; 3] = [0.38, 0.27, 0.23];
/// Distances at which the surface is asked whether it hides the room's light, metres.
const REACHES: [f64; 3] = [0.003, 0.007, 0.015];
/// Directions asked at each distance.
const WAYS: usize = 8;

/// The lamps of one view.
pub(crate) struct Light {
    key: Vector3<f64>,
    fill: Vector3<f64>,
    up: Vector3<f64>,
}

impl Light {
    /// The lamp stands over the onlooker's left shoulder.
    pub fn new(camera: &Camera) -> Self {
        Self {
            key: (camera.toward + camera.up * 0.85 - camera.right * 0.5).normalize(),
            fill: (camera.toward * 0.5 + camera.right * 0.85).normalize(),
            up: camera.up,
        }
    }

    /// Light that falls on a surface, per channel; `open` is the share of the room it sees.
    pub fn on(&self, normal: &Vector3<f64>, open: f32) -> Linear {
        let key = normal.dot(&self.key) as f32;
        let fill = normal.dot(&self.fill).max(0.0) as f32;
        let room = open * (0.22 + 0.09 * normal.dot(&self.up) as f32);
        // The lamp is large: what hides the room hides part of it too.
        let lamp = 0.4 + 0.6 * open;
        Linear(CREEP.map(|creep| {
            let lit = ((key + creep) / (1.0 + creep)).max(0.0);
            room + 0.68 * lit * lamp + 0.10 * fill * open
        }))
    }
}

/// The share of the room each pixel sees, 0..=1, from the depth around it; asked once per block of `block` pixels each way.
pub(crate) fn openness(
    camera: &Camera,
    depth: &[f32],
    normals: &[[f32; 3]],
    block: u32,
) -> Vec<f32> {
    let [width, height] = camera.size.map(|n| n as usize);
    let block = block.max(1) as usize;
    let ways: Vec<(Vector3<f64>, f64)> = REACHES
        .iter()
        .flat_map(|reach| (0..WAYS).map(move |k| (k, *reach)))
        .map(|(k, reach)| {
            let (sin, cos) = (std::f64::consts::TAU * k as f64 / WAYS as f64).sin_cos();
            (Vector3::new(cos * reach, sin * reach, 0.0), reach)
        })
        .collect();
    let at = |x: usize, y: usize| -> f32 {
        let i = y * width + x;
        let here = f64::from(depth[i]);
        if !here.is_finite() {
            return 1.0;
        }
        let n = Vector3::from(normals[i].map(f64::from));
        // The normal in the picture's directions.
        let n = Vector3::new(
            n.dot(&camera.right),
            -n.dot(&camera.up),
            n.dot(&camera.toward),
        );
        let mut hidden = 0.0;
        for (way, reach) in &ways {
            let (px, py) = (
                x as f64 + way.x * camera.scale,
                y as f64 + way.y * camera.scale,
            );
            // What is outside the picture hides nothing.
            if px < 0.0 || py < 0.0 || px >= width as f64 || py >= height as f64 {
                continue;
            }
            let rise = f64::from(depth[py as usize * width + px as usize]) - here;
            if !rise.is_finite() {
                continue;
            }
            let way = Vector3::new(way.x, way.y, rise);
            let above = way.dot(&n) / way.norm();
            // What stands far in front is not near: it hides little.
            let near = 1.0 / (1.0 + (rise / (2.0 * reach)).powi(2));
            hidden += (above - 0.12).max(0.0) * near;
        }
        (1.0 - 1.6 * hidden / ways.len() as f64).clamp(0.0, 1.0) as f32
    };
    let columns = width.div_ceil(block);
    let blocks: Vec<f32> = (0..columns * height.div_ceil(block))
        .into_par_iter()
        .map(|k| {
            let (left, top) = (k % columns * block, k / columns * block);
            // The block's first pixel with a surface stands for it.
            let mut pixels = (top..(top + block).min(height))
                .flat_map(|y| (left..(left + block).min(width)).map(move |x| (x, y)));
            pixels
                .find(|(x, y)| depth[y * width + x].is_finite())
                .map_or(1.0, |(x, y)| at(x, y))
        })
        .collect();
    (0..width * height)
        .map(|i| blocks[i / width / block * columns + i % width / block])
        .collect()
}
