//! The test head in every format that is read.

use base64::Engine as _;
use nalgebra::Vector3;

use super::Shape;

/// PLY, binary, little or big endian.
pub fn ply_binary(shape: &Shape, big: bool) -> Vec<u8> {
    let order = if big { "big" } else { "little" };
    let mut bytes = format!(
        "ply\nformat binary_{order}_endian 1.0\nelement vertex {}\nproperty float x\nproperty float y\nproperty float z\nelement face {}\nproperty list uchar int vertex_indices\nend_header\n",
        shape.vertices.len(),
        shape.triangles.len()
    )
    .into_bytes();
    let put = |mut four: [u8; 4]| {
        if big {
            four.reverse();
        }
        four
    };
    for v in &shape.vertices {
        bytes.extend(v.iter().flat_map(|c| put((*c as f32).to_le_bytes())));
    }
    for t in &shape.triangles {
        bytes.push(3);
        bytes.extend(t.iter().flat_map(|i| put((*i as i32).to_le_bytes())));
    }
    bytes
}

/// Points as a PLY text, with these normals if any.
pub fn ply_points(points: &[Vector3<f64>], normals: Option<&[Vector3<f64>]>) -> Vec<u8> {
    let mut text = format!(
        "ply\nformat ascii 1.0\nelement vertex {}\nproperty float x\nproperty float y\nproperty float z\n",
        points.len()
    );
    if normals.is_some() {
        text += "property float nx\nproperty float ny\nproperty float nz\n";
    }
    text += "end_header\n";
    for (i, p) in points.iter().enumerate() {
        text += &format!("{:.4} {:.4} {:.4}", p.x, p.y, p.z);
        if let Some(n) = normals.map(|n| n[i]) {
            text += &format!(" {:.4} {:.4} {:.4}", n.x, n.y, n.z);
        }
        text.push('\n');
    }
    text.into_bytes()
}

/// STL, binary or text.
pub fn stl(shape: &Shape, binary: bool) -> Vec<u8> {
    let corners = shape
        .triangles
        .iter()
        .map(|t| t.map(|i| shape.vertices[i as usize]));
    if binary {
        let mut bytes = vec![b' '; 80];
        bytes.extend((shape.triangles.len() as u32).to_le_bytes());
        for c in corners {
            bytes.extend([0; 12]);
            bytes.extend(c.iter().flat_map(|v| {
                v.iter()
                    .flat_map(|c| (*c as f32).to_le_bytes())
                    .collect::<Vec<_>>()
            }));
            bytes.extend([0; 2]);
        }
        return bytes;
    }
    let facets: String = corners
        .map(|c| {
            let lines: String = c
                .iter()
                .map(|v| format!("vertex {} {} {}\n", v.x, v.y, v.z))
                .collect();
            format!("facet normal 0 0 0\nouter loop\n{lines}endloop\nendfacet\n")
        })
        .collect();
    format!("solid head\n{facets}endsolid head\n").into_bytes()
}

/// OBJ with Windows line ends and indices relative to the end.
pub fn obj(shape: &Shape) -> Vec<u8> {
    let v: String = shape
        .vertices
        .iter()
        .map(|v| format!("v {} {} {} 0.8 0.7 0.6\r\n", v.x, v.y, v.z))
        .collect();
    let n = shape.vertices.len() as i64;
    let f: String = shape
        .triangles
        .iter()
        .map(|t| {
            let [a, b, c] = t.map(|i| i64::from(i) - n);
            format!("f {a}//1 {b}//1 \\\r\n {c}//1\r\n")
        })
        .collect();
    format!("{v}vn 0 0 1\r\n{f}").into_bytes()
}

/// Positions, then indices.
fn buffer(shape: &Shape) -> Vec<u8> {
    let metres = |c: &f64| (*c * 1e-3) as f32;
    let mut bytes: Vec<u8> = shape
        .vertices
        .iter()
        .flat_map(|v| {
            v.iter()
                .flat_map(|c| metres(c).to_le_bytes())
                .collect::<Vec<_>>()
        })
        .collect();
    bytes.extend(
        shape
            .triangles
            .iter()
            .flatten()
            .flat_map(|i| i.to_le_bytes()),
    );
    bytes
}

/// The JSON of a glTF of the head in metres; `uri` is the buffer's, `node` goes into the only node.
pub fn gltf_json(shape: &Shape, uri: Option<&str>, node: &str) -> String {
    let (points, all) = (shape.vertices.len() * 12, buffer(shape).len());
    let uri = uri.map_or(String::new(), |u| format!(",\"uri\":\"{u}\""));
    format!(
        "{{\"asset\":{{\"version\":\"2.0\"}},\"scene\":0,\"scenes\":[{{\"nodes\":[0]}}],\"nodes\":[{{\"mesh\":0{node}}}],\
         \"meshes\":[{{\"primitives\":[{{\"attributes\":{{\"POSITION\":0}},\"indices\":1}}]}}],\
         \"accessors\":[{{\"bufferView\":0,\"componentType\":5126,\"count\":{},\"type\":\"VEC3\"}},\
         {{\"bufferView\":1,\"componentType\":5125,\"count\":{},\"type\":\"SCALAR\"}}],\
         \"bufferViews\":[{{\"buffer\":0,\"byteLength\":{points}}},{{\"buffer\":0,\"byteOffset\":{points},\"byteLength\":{}}}],\
         \"buffers\":[{{\"byteLength\":{all}{uri}}}]}}",
        shape.vertices.len(),
        shape.triangles.len() * 3,
        all - points
    )
}

/// A glTF that carries its buffer as a data URI.
pub fn gltf(shape: &Shape, node: &str) -> Vec<u8> {
    let data = base64::engine::general_purpose::STANDARD.encode(buffer(shape));
    let uri = format!("data:application/octet-stream;base64,{data}");
    gltf_json(shape, Some(&uri), node).into_bytes()
}

/// A glTF and the buffer that lies beside it under this name.
pub fn gltf_beside(shape: &Shape, name: &str) -> (Vec<u8>, Vec<u8>) {
    (gltf_json(shape, Some(name), "").into_bytes(), buffer(shape))
}

/// A binary glTF.
pub fn glb(shape: &Shape) -> Vec<u8> {
    glb_of(&gltf_json(shape, None, ""), &buffer(shape))
}

/// A binary glTF of any JSON and buffer.
pub fn glb_of(json: &str, bin: &[u8]) -> Vec<u8> {
    let mut json = json.as_bytes().to_vec();
    json.resize(json.len().next_multiple_of(4), b' ');
    let mut bin = bin.to_vec();
    bin.resize(bin.len().next_multiple_of(4), 0);
    let length = 12 + 8 + json.len() + 8 + bin.len();
    let mut bytes = b"glTF".to_vec();
    bytes.extend(2u32.to_le_bytes());
    bytes.extend((length as u32).to_le_bytes());
    bytes.extend((json.len() as u32).to_le_bytes());
    bytes.extend(b"JSON");
    bytes.extend(json);
    bytes.extend((bin.len() as u32).to_le_bytes());
    bytes.extend(b"BIN\0");
    bytes.extend(bin);
    bytes
}
