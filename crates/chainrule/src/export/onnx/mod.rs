//! A trained network as an ONNX file: raw columns in, labels or values out.
//!
//! In: [`Trained`]. Out: the bytes of a `ModelProto`. The graph is: preparation of each column
//! (`prepare`), the evaluation graph in primitives (`network`, `primitives`), the meaning of the
//! output (`outputs`). Invariants: operator set 18 with ai.onnx.ml 3; the number of rows is open;
//! equal models give equal bytes. Deliberately absent: gradients, reading ONNX.

mod build;
mod matrices;
mod network;
mod outputs;
mod prepare;
mod primitives;
mod proto;
mod value;

use chainrule_graph::syntax::ast::Precision;
use prost::Message;

use crate::error::Error;
use crate::model::Trained;
use build::{Build, ML};
use network::{Network, refused};
use proto::{Entry, Graph, Model, OperatorSet};

/// The operator sets that are written.
const OPSET: i64 = 18;
/// The same of `ai.onnx.ml`.
const ML_OPSET: i64 = 3;
/// The version of the format that belongs to them.
const IR_VERSION: i64 = 8;
/// Protobuf's own limit.
const LARGEST: usize = i32::MAX as usize;

/// The file's bytes.
pub(super) fn write(trained: &Trained) -> Result<Vec<u8>, Error> {
    let double = trained.model.settings().precision == Precision::F64;
    let mut build = Build::new(double);
    take_names(trained, &mut build);
    let mut network = Network::new(trained, &mut build)?;
    for key in network.needs() {
        let rows = data(trained, &mut network, &key)?;
        network.feed(&key, rows);
    }
    let (rows, width) = network.write()?;
    let output = outputs::write(&mut build, trained, &rows, width);
    let graph = Graph {
        node: build.nodes,
        name: "chainrule".into(),
        initializer: build.constants,
        input: build.inputs,
        output,
    };
    let bytes = model(trained, graph).encode_to_vec();
    match bytes.len() > LARGEST {
        true => Err(refused("an ONNX file holds 2 GiB at most")),
        false => Ok(bytes),
    }
}

/// Names of columns belong to inputs alone.
fn take_names(trained: &Trained, build: &mut Build) {
    for name in trained.input_columns() {
        build.take(name);
    }
    for symbol in crate::model::data_symbols(&trained.model.module) {
        build.take(&symbol.shown);
    }
    build.outputs = outputs::NAMES.map(|name| build.fresh(name));
}

/// The prepared rows of a data symbol.
fn data(
    trained: &Trained,
    network: &mut Network<'_>,
    key: &str,
) -> Result<String, Error> {
    let shown = trained.model.module.symbol(key).map_or(key, |s| &s.shown);
    let plan = trained.preparation.symbol(key).filter(|p| !p.target);
    let Some(plan) = plan else {
        return Err(refused(&format!("the output depends on the target {shown}")));
    };
    Ok(prepare::symbol(network.build, &trained.preparation, plan, shown))
}

fn model(trained: &Trained, graph: Graph) -> Model {
    let opset = |domain: &str, version| OperatorSet {
        domain: Some(domain.into()),
        version: Some(version),
    };
    let entry =
        |key: &str, value: &str| Entry { key: key.to_owned(), value: value.to_owned() };
    Model {
        ir_version: Some(IR_VERSION),
        producer_name: "chainrule".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(graph),
        opset_import: vec![opset("", OPSET), opset(ML, ML_OPSET)],
        metadata_props: vec![
            entry("equations", trained.model.equations()),
            entry("fingerprint", &trained.model.derived().fingerprint),
        ],
    }
}
