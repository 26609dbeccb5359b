//! The plugin as the host runs it, on the fake one, in front of a tiny Redis.
//!
//! One file for each backend, filled as its library fills Redis, and one for each thing that all backends share.

mod arq;
mod asynq;
mod bullmq;
mod celery;
mod degraded;
mod documents;
mod dramatiq;
mod health;
mod lab;
mod limits;
mod plain;
mod resque;
mod rq;
mod scale;
mod search;
mod sidekiq;
mod streams;
mod thresholds;
mod tiny;
