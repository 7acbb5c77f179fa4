//! Why a glTF is not read.

/// Why a glTF is not read.
#[derive(Debug, thiserror::Error)]
pub enum GltfError {
    /// The container's length is not the file's.
    #[error(
        "the header says {declared} bytes, the file has {actual}; the file was cut short or damaged, copy it again"
    )]
    Length {
        /// What the header says.
        declared: u32,
        /// What there is.
        actual: usize,
    },
    /// The container's chunks are not as they must be.
    #[error("the chunks of the binary container are damaged ({reason}); export the scan again")]
    Chunks {
        /// What is wrong.
        reason: String,
    },
    /// Another version.
    #[error("version {version} is not read; export as glTF 2.0")]
    Version {
        /// The version the file names.
        version: String,
    },
    /// The JSON part is no glTF.
    #[error("line {line}, column {column}: {reason}; export the scan again")]
    Json {
        /// Line of the JSON text, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong.
        reason: String,
    },
    /// An extension that changes how the geometry is stored.
    #[error("it needs the extension {name}, which is not read; export without compression")]
    Extension {
        /// The extension.
        name: String,
    },
    /// Something is named that is not there.
    #[error("{what} {index} is named, but there are only {of}; export the scan again")]
    Missing {
        /// What is named.
        what: &'static str,
        /// Its number, from 0.
        index: usize,
        /// How many there are.
        of: usize,
    },
    /// A node hangs below itself or below two others.
    #[error("node {node} is reached twice, nodes must form a tree; export the scan again")]
    NotATree {
        /// The node, from 0.
        node: usize,
    },
    /// A buffer is shorter than it says.
    #[error(
        "buffer {buffer} should have {needed} bytes and has {available}; the file was cut short, copy it again"
    )]
    BufferShort {
        /// The buffer, from 0.
        buffer: usize,
        /// What it says.
        needed: u64,
        /// What there is.
        available: usize,
    },
    /// A buffer's data URI cannot be read.
    #[error("the data URI of buffer {buffer} is {reason}; export as binary glTF (.glb)")]
    DataUri {
        /// The buffer, from 0.
        buffer: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// A buffer lies in another file, and only bytes were given.
    #[error(
        "buffer {buffer} lies in the file \"{uri}\", and only bytes were given; export as binary glTF (.glb)"
    )]
    Outside {
        /// The buffer, from 0.
        buffer: usize,
        /// Where it lies.
        uri: String,
    },
    /// A buffer lies somewhere else than beside the scan.
    #[error(
        "buffer {buffer} lies at \"{uri}\", which is not beside the scan; put the file beside it or export as .glb"
    )]
    NotBeside {
        /// The buffer, from 0.
        buffer: usize,
        /// Where it lies.
        uri: String,
    },
    /// A file beside the scan cannot be read.
    #[error(
        "buffer {buffer} lies in \"{uri}\" beside the scan, which cannot be read: {source}; copy it too, or export as .glb"
    )]
    Beside {
        /// The buffer, from 0.
        buffer: usize,
        /// Where it lies.
        uri: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// An accessor that cannot be used.
    #[error("accessor {accessor} {reason}; export the scan again")]
    Accessor {
        /// The accessor, from 0.
        accessor: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// A JSON part with far more in it than a scan has.
    #[error(
        "the JSON part has {objects} objects and lists, the most read is {limit}; export the head alone, as one mesh"
    )]
    ManyObjects {
        /// How many.
        objects: usize,
        /// The most.
        limit: usize,
    },
    /// The same bytes are named over and over.
    #[error(
        "accessors name {named} bytes where the file holds {held}: the same data stands there many times; export the head alone, as one mesh"
    )]
    ReadOver {
        /// Bytes named until then.
        named: u64,
        /// Bytes held by the file and those beside it.
        held: u64,
    },
    /// Lines, and nothing that makes a surface.
    #[error(
        "no surface: it has nothing but lines (in {lines} primitives); export the scan with its faces"
    )]
    OnlyLines {
        /// Primitives of lines.
        lines: usize,
    },
    /// Indices that do not make whole triangles.
    #[error("a triangle list has {indices} indices, no multiple of 3; export the scan again")]
    NotTriangles {
        /// How many.
        indices: usize,
    },
}
