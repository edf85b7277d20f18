//! [`InferEndpoint`].

use prony_plugin_api::{
    Endpoint, PluginError, RequestWriter, Result, TurnContext,
    json::{Body, path_segment, texts},
};
use serde::{Deserialize, Serialize};

use crate::parser::InferParser;

/// `POST /v2/models/MODEL/infer`. A turn of several texts is a batch.
#[derive(Debug)]
pub(crate) struct InferEndpoint {
    names: Names,
}

/// Names of tensors, which each model chooses for itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub(crate) struct Names {
    /// Of the prompt.
    #[serde(rename = "kserve_input")]
    input: String,
    /// Of the output's limit.
    #[serde(rename = "kserve_limit")]
    limit: String,
    /// Of the text that comes back.
    #[serde(rename = "kserve_output")]
    pub(crate) output: String,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            input: "text_input".to_owned(),
            limit: "max_tokens".to_owned(),
            output: "text_output".to_owned(),
        }
    }
}

/// The value of one field.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Field<'a> {
    Tensors(Vec<Tensor<'a>>),
}

#[derive(Debug, Serialize)]
struct Tensor<'a> {
    name: &'a str,
    datatype: &'static str,
    shape: [usize; 2],
    data: Data<'a>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Texts(Vec<&'a str>),
    Counts(Vec<u64>),
}

impl Endpoint for InferEndpoint {
    type Parser = InferParser;

    const OPTIONS: &'static str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "properties": {
    "kserve_input": {
      "type": "string", "default": "text_input", "description": "Name of the tensor with the prompt."
    },
    "kserve_limit": {
      "type": "string", "default": "max_tokens", "description": "Name of the tensor that limits the output."
    },
    "kserve_output": {
      "type": "string", "default": "text_output", "description": "Name of the tensor with the answer."
    }
  }
}"#;

    fn new(options: &str) -> Result<Self> {
        let names = serde_json::from_str(options).map_err(|error| {
            PluginError::config(format_args!("read the options `{options}`: {error}"))
                .hint("`kserve_input`, `kserve_limit` and `kserve_output` are names of tensors")
        })?;
        Ok(Self { names })
    }

    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        request.path(&format!("/v2/models/{}/infer", path_segment(turn.model())));
        let mut texts = texts(*turn)?;
        if texts.is_empty() {
            texts.push("");
        }
        let shape = [texts.len(), 1];
        let mut tensors = Vec::with_capacity(2);
        if let Some(limit) = turn.max_tokens() {
            let data = Data::Counts(vec![limit; texts.len()]);
            tensors.push(Tensor { name: &self.names.limit, datatype: "INT32", shape, data });
        }
        tensors.insert(
            0,
            Tensor { name: &self.names.input, datatype: "BYTES", shape, data: Data::Texts(texts) },
        );
        let mut body = Body::default();
        body.set("inputs", Field::Tensors(tensors));
        body.merge_extras(*turn)?;
        body.write(request)
    }

    fn parser(&self) -> InferParser {
        InferParser { output: self.names.output.clone() }
    }
}
