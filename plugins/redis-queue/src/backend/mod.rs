//! What each library keeps where. One file a backend; each turns its layout into questions, and says of each answer what it
//! means. None of them reads all jobs of a queue.

mod arq;
mod asynq;
mod bullmq;
mod celery;
mod celery_unacked;
mod dramatiq;
mod line;
mod list;
mod registered;
mod resque;
mod rq;
mod sidekiq;
mod streams;
mod zset;

use crate::{
    ask::Ask,
    picture::Picture,
    search::Keys,
    settings::Backend,
    target::{Shared, Target},
};

/// Most workers that are looked at, where each has a hash of its own with all that it works on.
pub(crate) const WORKERS_MAX: usize = 500;

/// The most elements that the host lets one command ask for, as the last index of a range.
pub(crate) const LAST_INDEX: &str = "999";

/// Where a library writes down which queues it has.
pub(crate) enum Register {
    /// A set, and what stands before each name in it.
    Set(String, String),
    /// Nowhere; some keys give them away.
    Keys(Keys),
}

/// For patterns; settings refuse them with the backends that cannot be searched.
pub(crate) fn register(target: &Target) -> Register {
    match target.settings.backend {
        Backend::Celery => Register::Keys(celery::keys(target)),
        Backend::Bullmq => Register::Keys(bullmq::keys(target)),
        Backend::Dramatiq => Register::Keys(dramatiq::keys(target)),
        Backend::Asynq => Register::Set("asynq:queues".to_owned(), String::new()),
        // RQ registers whole keys.
        Backend::Rq => Register::Set(target.key("queues"), target.key("queue:")),
        Backend::Sidekiq | Backend::Resque | Backend::Arq | Backend::Streams | Backend::List | Backend::Zset => {
            Register::Set(target.key("queues"), String::new())
        }
    }
}

/// Questions about what belongs to no queue in particular.
pub(crate) fn whole(target: &Shared, picture: &mut Picture) -> Vec<Ask> {
    match target.settings.backend {
        Backend::Celery => celery::whole(target),
        Backend::Rq => rq::whole(target),
        Backend::Sidekiq => sidekiq::whole(target, picture),
        Backend::Bullmq => bullmq::whole(target),
        Backend::Resque => resque::whole(target),
        Backend::Dramatiq => dramatiq::whole(target),
        Backend::Asynq => asynq::whole(target),
        Backend::Arq | Backend::Streams | Backend::List | Backend::Zset => Vec::new(),
    }
}

/// Questions about one queue.
pub(crate) fn queue(target: &Shared, name: &str, picture: &mut Picture) -> Vec<Ask> {
    match target.settings.backend {
        Backend::Celery => celery::queue(target, name, picture),
        Backend::Rq => rq::queue(target, name),
        Backend::Sidekiq => sidekiq::queue(target, name),
        Backend::Bullmq => bullmq::queue(target, name, picture),
        Backend::Resque => resque::queue(target, name),
        Backend::Arq => arq::queue(target, name),
        Backend::Dramatiq => dramatiq::queue(target, name),
        Backend::Asynq => asynq::queue(target, name),
        Backend::Streams => streams::stream(target, name, picture),
        Backend::List => list::queue(target, name),
        Backend::Zset => zset::queue(target, name),
    }
}
