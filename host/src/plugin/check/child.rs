//! The other side: a process that opens a library and does to it what the job says.

use std::{cell::RefCell, io, os::unix::net::UnixStream, rc::Rc};

use prony_plugin_api::{
    abi::host::PluginRoot,
    conformance::{CaseName, Check, Piece, SPEED, Suite, Witness},
    testing::Recording,
};

use super::{
    super::{confined, fault::Fault, ladder, loader, trust::Trust},
    job::{CheckMessage, Job},
    rungs::{WITHOUT_CODE, climbed, fallen},
    speed,
};
use crate::child::{
    frame::{FrameReader, FrameWriter},
    parent,
};

/// Does what the parent asks for.
///
/// # Errors
/// There is no parent, or it is gone.
pub(crate) fn run() -> io::Result<()> {
    let socket = parent()?;
    let job: Option<Job> = FrameReader::new(socket.try_clone()?).read()?;
    let Some(job) = job else { return Ok(()) };
    confined::confine();
    let writer = Rc::new(RefCell::new(FrameWriter::new(socket)));
    let parent = ParentWriter { writer, is_traced: job.is_traced };
    let root = match open(&job) {
        Ok(root) => root,
        Err(fault) => {
            parent.tell(&CheckMessage::Climbed(fallen(WITHOUT_CODE, &fault)));
            parent.tell(&CheckMessage::Done);
            return Ok(());
        }
    };
    parent.tell(&CheckMessage::Climbed(climbed(WITHOUT_CODE, usize::MAX)));
    examine(&job, root, &mut parent.clone());
    parent.tell(&CheckMessage::Done);
    Ok(())
}

fn open(job: &Job) -> Result<PluginRoot, Fault> {
    let trust = Trust::of_this_process();
    let checked = ladder::check(&job.library, &trust)?;
    confined::deny_unstated(&job.library, &checked, &trust);
    let root = loader::open(&job.library, &checked, false)?;
    let is_there = if job.is_service {
        root.service(&job.type_name).is_some()
    } else {
        root.endpoint(&job.type_name).is_some()
    };
    if is_there {
        return Ok(root);
    }
    Err(Fault::Root {
        plugin: checked.facts.plugin(),
        reason: format!("its descriptor names `{}`, and its tables do not", job.type_name),
        hint: String::new(),
    })
}

fn examine(job: &Job, root: PluginRoot, parent: &mut ParentWriter) {
    let mut suite = Suite::new().options(&job.options).seed(job.seed).mutations(job.mutations);
    suite = suite.choose(job.selection.clone());
    for (name, bytes) in &job.recordings {
        // The parent has read them before.
        let recording = match job.framing {
            Some(framing) => Recording::read_as(bytes, framing),
            None => Recording::read(bytes),
        };
        if let Ok(recording) = recording {
            suite = suite.replay(name, recording);
        }
    }
    if let Some(table) = root.service(&job.type_name).filter(|_| job.is_service) {
        suite.service_table(table, &job.schema, parent);
    } else if let Some(table) = root.endpoint(&job.type_name) {
        suite.endpoint_table(table, &job.schema, parent);
        if !job.selection.chooses(SPEED) {
            return;
        }
        if let Some(speed) = speed::measure(&suite, table, &job.options, parent) {
            parent.tell(&CheckMessage::Measured(speed));
        }
    }
}

/// Tells the parent.
#[derive(Clone)]
struct ParentWriter {
    writer: Rc<RefCell<FrameWriter<UnixStream>>>,
    is_traced: bool,
}

impl ParentWriter {
    fn tell(&self, message: &CheckMessage) {
        if self.writer.borrow_mut().write(message).is_err() {
            // Nobody wants to know any more, and the library may be in the middle of anything.
            std::process::abort();
        }
    }
}

impl Witness for ParentWriter {
    fn begins(&mut self, step: &str) {
        self.tell(&CheckMessage::Step(step.to_owned()));
    }

    fn checked(&mut self, check: Check) {
        self.tell(&CheckMessage::Checked(check));
    }

    fn opens(&mut self, case: CaseName) {
        if self.is_traced {
            self.tell(&CheckMessage::Case(case.id.to_owned()));
        }
    }

    fn traces(&self) -> bool {
        self.is_traced
    }

    fn gives(&mut self, pieces: Vec<Piece>) {
        self.tell(&CheckMessage::Gives(pieces));
    }

    fn gets(&mut self, pieces: Vec<Piece>) {
        self.tell(&CheckMessage::Gets(pieces));
    }
}
