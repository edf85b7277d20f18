//! [`Jobs`]: videos that are being made, and how far they are.

use std::{
    collections::BTreeMap,
    num::NonZeroU64,
    sync::{Mutex, PoisonError},
};

use serde_json::{Value, json};

use crate::clock::RunNs;

/// How many jobs are remembered.
const KEPT_JOBS: usize = 100_000;

/// A video, as far as anybody looks at it: the first boxes of an MP4 file, and bytes that are no text.
pub(super) const VIDEO: &[u8] =
    b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2\0\0\0\x10mdat\xff\xfe\x80\x81\0\x01\x02\x03";

/// How jobs go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct JobPlan {
    /// A job is over after it was asked after so often without being; without a number, when its first token is due.
    pub(crate) polls: Option<u64>,
    /// Every Nth job fails.
    pub(crate) fail: Option<NonZeroU64>,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Queued,
    AtWork,
    Completed,
    Failed,
}

#[derive(Debug, Default)]
pub(super) struct Jobs(Mutex<JobTable>);

#[derive(Debug, Default)]
struct JobTable {
    accepted: u64,
    jobs: BTreeMap<u64, Job>,
}

#[derive(Clone, Debug)]
struct Job {
    model: String,
    created: u64,
    /// Without a plan it is over then.
    due: RunNs,
    polls: u64,
}

impl Jobs {
    /// Accepts a job; returns the answer for its client.
    pub(super) fn accept(&self, model: String, created: u64, due: RunNs) -> Value {
        let mut table = self.table();
        table.accepted += 1;
        let number = table.accepted;
        let job = Job { model, created, due, polls: 0 };
        let said = job.said(number, Progress::Queued);
        table.jobs.insert(number, job);
        if table.jobs.len() > KEPT_JOBS {
            table.jobs.pop_first();
        }
        said
    }

    /// What is said of a job when somebody asks; `None` when there is none of this id.
    pub(super) fn look(&self, id: &str, now: RunNs, plan: JobPlan) -> Option<Value> {
        let number = number(id)?;
        let mut table = self.table();
        let job = table.jobs.get_mut(&number)?;
        let progress = job.progress(number, now, plan);
        job.polls += 1;
        Some(job.said(number, progress))
    }

    /// Whether the video of a job can be fetched.
    pub(super) fn is_made(&self, id: &str, now: RunNs, plan: JobPlan) -> bool {
        let made = || {
            let number = number(id)?;
            Some(self.table().jobs.get(&number)?.progress(number, now, plan) == Progress::Completed)
        };
        made().unwrap_or(false)
    }

    fn table(&self) -> std::sync::MutexGuard<'_, JobTable> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ids are numbers behind a word.
fn number(id: &str) -> Option<u64> {
    id.strip_prefix("video_")?.parse().ok()
}

impl Job {
    fn progress(&self, number: u64, now: RunNs, plan: JobPlan) -> Progress {
        let is_over = plan.polls.map_or(now >= self.due, |polls| self.polls >= polls);
        match plan.fail {
            _ if !is_over => Progress::AtWork,
            Some(every) if number.is_multiple_of(every.get()) => Progress::Failed,
            _ => Progress::Completed,
        }
    }

    fn said(&self, number: u64, progress: Progress) -> Value {
        let (status, percent) = match progress {
            Progress::Queued => ("queued", 0),
            Progress::AtWork => ("in_progress", 50),
            Progress::Completed => ("completed", 100),
            Progress::Failed => ("failed", 50),
        };
        let error = (progress == Progress::Failed).then(|| {
            json!({"code": "video_generation_failed", "message": "the mock server was told to fail this job"})
        });
        json!({
            "id": format!("video_{number}"),
            "object": "video",
            "model": self.model,
            "status": status,
            "progress": percent,
            "created_at": self.created,
            "seconds": "4",
            "size": "720x1280",
            "error": error,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(jobs: &Jobs, id: &str, now: RunNs, plan: JobPlan) -> String {
        jobs.look(id, now, plan).unwrap()["status"].as_str().unwrap().to_owned()
    }

    #[test]
    fn a_job_is_over_when_it_is_due_or_was_asked_after_often_enough() {
        let jobs = Jobs::default();
        assert_eq!(jobs.accept("m".into(), 0, 100)["status"], "queued");
        let plan = JobPlan::default();
        assert_eq!(status(&jobs, "video_1", 99, plan), "in_progress");
        assert!(!jobs.is_made("video_1", 99, plan));
        assert_eq!(status(&jobs, "video_1", 100, plan), "completed");
        assert!(jobs.is_made("video_1", 100, plan));
        jobs.accept("m".into(), 0, 100);
        let plan = JobPlan { polls: Some(1), fail: NonZeroU64::new(2) };
        assert_eq!(["in_progress", "failed"], [0, 1].map(|_| status(&jobs, "video_2", 0, plan)).as_slice());
        assert!(!jobs.is_made("video_2", 100, plan));
    }

    #[test]
    fn a_job_that_was_never_accepted_is_not_there() {
        let jobs = Jobs::default();
        for id in ["video_1", "video_", "1", "video_x"] {
            assert!(jobs.look(id, 0, JobPlan::default()).is_none(), "{id}");
        }
    }
}
