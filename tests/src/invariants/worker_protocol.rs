//! The persistent worker protocol.

use super::texts;
use prost::Message;
use splitlink::worker::protocol::{Framing, Input, WorkRequest, WorkResponse};
use std::io::Cursor;

/// Requests that are read are the same after they were written, in protocol buffers; and a response
/// is what was answered, in either framing.
pub fn worker_protocol(bytes: &[u8]) {
    let (_, requests, _) = read(bytes.to_vec());
    written_and_read(&requests);
    let texts = texts(bytes);
    written_and_read(&[made(&texts), WorkRequest::default(), made(&texts[texts.len() / 2..])]);
    answered(&texts);
}

/// Everything up to the end or the first error, and whether that was one.
fn read(bytes: Vec<u8>) -> (Framing, Vec<WorkRequest>, bool) {
    let (framing, mut input) = Framing::detect(Cursor::new(bytes)).expect("memory can be read");
    let mut requests = Vec::new();
    loop {
        match framing.read(&mut input) {
            Ok(Some(request)) => requests.push(request),
            Ok(None) => return (framing, requests, false),
            Err(_) => return (framing, requests, true),
        }
    }
}

fn written_and_read(requests: &[WorkRequest]) {
    let bytes = requests.iter().flat_map(Message::encode_length_delimited_to_vec).collect();
    assert_eq!(read(bytes), (Framing::Protobuf, requests.to_vec(), false));
}

/// A request of these texts.
fn made(texts: &[String]) -> WorkRequest {
    let number = |at: usize| texts.get(at).map_or(0, |text| i32::try_from(text.len()).unwrap_or(0));
    WorkRequest {
        arguments: texts.to_vec(),
        inputs: texts.iter().map(|text| Input { path: text.clone(), digest: text.clone().into_bytes() }).collect(),
        request_id: number(0),
        cancel: number(1) % 2 == 1,
        verbosity: number(2),
        sandbox_dir: texts.last().cloned().unwrap_or_default(),
    }
}

fn answered(texts: &[String]) {
    let number = i32::try_from(texts.len()).unwrap_or(0);
    let response = WorkResponse { exit_code: -number, output: texts.join("\n"), request_id: number, was_cancelled: number % 2 == 1 };
    let written = |framing: Framing| {
        let mut bytes = Vec::new();
        framing.write(&response, &mut bytes).expect("memory can be written");
        bytes
    };
    assert_eq!(
        WorkResponse::decode_length_delimited(&*written(Framing::Protobuf)).expect("a response that was written can be read"),
        response
    );
    let line = written(Framing::Json);
    assert_eq!(line.iter().position(|&byte| byte == b'\n'), Some(line.len() - 1), "it is not one line");
    let value: serde_json::Value = serde_json::from_slice(&line).expect("a response that was written can be read");
    assert_eq!(value["output"].as_str(), Some(response.output.as_str()));
    assert_eq!(
        (value["exitCode"].as_i64(), value["requestId"].as_i64()),
        (Some(response.exit_code.into()), Some(response.request_id.into()))
    );
    assert_eq!(value["wasCancelled"].as_bool(), Some(response.was_cancelled));
}
