//! Metrics pages in the form that each system documents: one before, a healthy and a failing one after.
//!
//! Names, labels and types are those of the file that is named with each page; comments, other families and timestamps stand
//! there as the systems write them. Numbers are made up.

use bellwether_sdk::{
    Status,
    fake::{Fake, Run},
};
use serde_json::{Value, json};

use crate::{
    MlPipeline,
    preset::System,
    tests::fixture::{NOW, Server, run_one},
};

/// A system's pages: what it says in two runs.
struct Pages {
    preset: &'static str,
    /// In the first run, and in the second one while all is well.
    before: String,
    healthy: String,
    /// In the second run, when something is wrong.
    failing: String,
    /// What the settings ask for.
    values: Value,
    /// Of the second run while all is well.
    expected: &'static [(&'static str, f64)],
    /// Of the second run when something is wrong.
    summary: &'static str,
}

/// triton-inference-server/server docs/user_guide/metrics.md, "Inference Request Metrics", "Latencies", "GPU Metrics".
fn triton() -> Pages {
    let page = |success: u32, failures: u32, duration_us: u32, queue_us: u32, waiting: u32| {
        format!(
            "# HELP nv_inference_request_success Number of successful inference requests, all batch sizes\n\
             # TYPE nv_inference_request_success counter\n\
             nv_inference_request_success{{model=\"two_tower\",version=\"1\"}} {success}\n\
             # TYPE nv_inference_request_failure counter\n\
             nv_inference_request_failure{{model=\"two_tower\",reason=\"REJECTED\",version=\"1\"}} 0\n\
             nv_inference_request_failure{{model=\"two_tower\",reason=\"BACKEND\",version=\"1\"}} {failures}\n\
             # TYPE nv_inference_request_duration_us counter\n\
             nv_inference_request_duration_us{{model=\"two_tower\",version=\"1\"}} {duration_us}\n\
             # TYPE nv_inference_queue_duration_us counter\n\
             nv_inference_queue_duration_us{{model=\"two_tower\",version=\"1\"}} {queue_us}\n\
             # TYPE nv_inference_pending_request_count gauge\n\
             nv_inference_pending_request_count{{model=\"two_tower\",version=\"1\"}} {waiting}\n\
             # TYPE nv_gpu_utilization gauge\n\
             nv_gpu_utilization{{gpu_uuid=\"GPU-a\"}} 0.25\n\
             nv_gpu_utilization{{gpu_uuid=\"GPU-b\"}} 0.75\n\
             # TYPE nv_gpu_memory_used_bytes gauge\n\
             nv_gpu_memory_used_bytes{{gpu_uuid=\"GPU-a\"}} 1000\n\
             nv_gpu_memory_used_bytes{{gpu_uuid=\"GPU-b\"}} 3000\n"
        )
    };
    Pages {
        preset: "triton",
        before: page(10, 1, 1_000_000, 400_000, 0),
        healthy: page(20, 1, 1_500_000, 500_000, 1),
        failing: page(20, 6, 1_500_000, 500_000, 1),
        values: json!({ "failures": { "above": { "critical": 1 } } }),
        expected: &[
            ("requests", 10.0),
            ("failures", 0.0),
            ("waiting", 1.0),
            ("request_seconds", 0.05),
            ("queue_seconds", 0.01),
            ("gpu_utilization_ratio", 0.75),
            ("gpu_memory_used_bytes", 4000.0),
        ],
        summary: "failures is 5, at or above 1",
    }
}

/// pytorch/serve docs/metrics_api.md: labels end with a comma.
fn torchserve() -> Pages {
    let page = |requests: u32, latency_us: &str, queue_us: &str| {
        let labels = "model_name=\"noop\",model_version=\"1.0\",hostname=\"ts-0\",";
        format!(
            "# HELP Requests5XX Torchserve prometheus counter metric with unit: Count\n\
             # TYPE Requests5XX counter\n\
             # TYPE MemoryUsed gauge\n\
             MemoryUsed{{Level=\"Host\",Hostname=\"ts-0\",}} 8245.62109375\n\
             # TYPE ts_inference_requests_total counter\n\
             ts_inference_requests_total{{{labels}}} {requests}.0\n\
             # TYPE ts_inference_latency_microseconds counter\n\
             ts_inference_latency_microseconds{{{labels}}} {latency_us}\n\
             # TYPE ts_queue_latency_microseconds counter\n\
             ts_queue_latency_microseconds{{{labels}}} {queue_us}\n"
        )
    };
    Pages {
        preset: "torchserve",
        before: page(3, "290000.5", "365.5"),
        healthy: page(13, "790000.5", "100365.5"),
        failing: page(13, "790000.5", "20000365.5"),
        values: json!({ "queue_seconds": { "above": { "warning": 1, "critical": 2 } } }),
        expected: &[("requests", 10.0), ("request_seconds", 0.05), ("queue_seconds", 0.01)],
        summary: "queue_seconds is 2, at or above 2",
    }
}

/// tensorflow/serving tensorflow_serving/servables/tensorflow/util.cc: names begin with a colon, times are in microseconds.
fn tensorflow_serving() -> Pages {
    let page = |fine: u32, failed: u32, sum_us: u32| {
        let labels = "model_name=\"two_tower\",API=\"predict\",entrypoint=\"REST\"";
        let all = fine + failed;
        format!(
            "# TYPE :tensorflow:serving:request_count counter\n\
             :tensorflow:serving:request_count{{model_name=\"two_tower\",status=\"OK\"}} {fine}\n\
             :tensorflow:serving:request_count{{model_name=\"two_tower\",status=\"INVALID_ARGUMENT\"}} {failed}\n\
             # TYPE :tensorflow:serving:request_latency histogram\n\
             :tensorflow:serving:request_latency_bucket{{{labels},le=\"10\"}} 0\n\
             :tensorflow:serving:request_latency_bucket{{{labels},le=\"+Inf\"}} {all}\n\
             :tensorflow:serving:request_latency_sum{{{labels}}} {sum_us}\n\
             :tensorflow:serving:request_latency_count{{{labels}}} {all}\n"
        )
    };
    let failed = json!({
        "metric": ":tensorflow:serving:request_count", "labels": { "status": "INVALID_ARGUMENT" }, "growth": true,
        "above": { "warning": 1 },
    });
    Pages {
        preset: "tensorflow_serving",
        before: page(10, 0, 200_000),
        healthy: page(20, 0, 700_000),
        failing: page(20, 7, 700_000),
        values: json!({ "refused": failed }),
        expected: &[("requests", 10.0), ("request_seconds", 0.05), ("refused", 0.0)],
        summary: "refused is 7, at or above 1",
    }
}

/// bentoml/BentoML docs/source/build-with-bentoml/observability/metrics.rst, "Default metrics".
fn bentoml() -> Pages {
    let page = |fine: u32, failed: u32, seconds: &str| {
        let of = |code: u32| {
            format!(
                "endpoint=\"/rank\",http_response_code=\"{code}\",runner_name=\"rank\",service_name=\"rank\",service_version=\"\""
            )
        };
        let (good, bad) = (of(200), of(500));
        format!(
            "# HELP bentoml_service_request_in_progress Multiprocess metric\n\
             # TYPE bentoml_service_request_in_progress gauge\n\
             bentoml_service_request_in_progress{{endpoint=\"/rank\",runner_name=\"rank\",service_name=\"rank\",service_version=\"\"}} 2.0\n\
             # TYPE bentoml_service_request_total counter\n\
             bentoml_service_request_total{{{good}}} {fine}.0\n\
             bentoml_service_request_total{{{bad}}} {failed}.0\n\
             # TYPE bentoml_service_request_duration_seconds histogram\n\
             bentoml_service_request_duration_seconds_sum{{{good}}} {seconds}\n\
             bentoml_service_request_duration_seconds_bucket{{{good},le=\"+Inf\"}} {fine}.0\n\
             bentoml_service_request_duration_seconds_count{{{good}}} {fine}.0\n"
        )
    };
    let failed = json!({
        "metric": "bentoml_service_request_total", "labels": { "http_response_code": "500" }, "growth": true,
        "above": { "critical": 3 },
    });
    Pages {
        preset: "bentoml",
        before: page(10, 1, "1.5"),
        healthy: page(20, 1, "2.0"),
        failing: page(20, 5, "2.0"),
        values: json!({ "errors": failed }),
        expected: &[
            ("requests", 10.0),
            ("in_progress", 2.0),
            ("request_seconds", 0.05),
            ("errors", 0.0),
        ],
        summary: "errors is 4, at or above 3",
    }
}

/// vllm-project/vllm docs/design/metrics.md, docs/usage/metrics.md: each series has the engine and the model's name.
fn vllm() -> Pages {
    let page = |waiting: u32, cache: &str, requests: u32, seconds: &str, first_token: &str| {
        let labels = "engine=\"0\",model_name=\"meta-llama/Llama-3.1-8B-Instruct\"";
        format!(
            "# HELP vllm:num_requests_running Number of requests in model execution batches.\n\
             # TYPE vllm:num_requests_running gauge\n\
             vllm:num_requests_running{{{labels}}} 8.0\n\
             # TYPE vllm:num_requests_waiting gauge\n\
             vllm:num_requests_waiting{{{labels}}} {waiting}.0\n\
             # TYPE vllm:kv_cache_usage_perc gauge\n\
             vllm:kv_cache_usage_perc{{{labels}}} {cache}\n\
             # TYPE vllm:request_success_total counter\n\
             vllm:request_success_total{{finished_reason=\"stop\",{labels}}} {requests}.0\n\
             # TYPE vllm:time_to_first_token_seconds histogram\n\
             vllm:time_to_first_token_seconds_bucket{{le=\"+Inf\",{labels}}} {requests}.0\n\
             vllm:time_to_first_token_seconds_count{{{labels}}} {requests}.0\n\
             vllm:time_to_first_token_seconds_sum{{{labels}}} {first_token}\n\
             # TYPE vllm:e2e_request_latency_seconds histogram\n\
             vllm:e2e_request_latency_seconds_count{{{labels}}} {requests}.0\n\
             vllm:e2e_request_latency_seconds_sum{{{labels}}} {seconds}\n"
        )
    };
    Pages {
        preset: "vllm",
        before: page(0, "0.1", 10, "20.0", "1.0"),
        healthy: page(1, "0.5", 20, "40.0", "2.0"),
        failing: page(64, "0.99", 20, "40.0", "2.0"),
        values: json!({ "cache_usage_ratio": { "above": { "warning": 0.95 } } }),
        expected: &[
            ("running", 8.0),
            ("waiting", 1.0),
            ("cache_usage_ratio", 0.5),
            ("request_seconds", 2.0),
            ("first_token_seconds", 0.1),
        ],
        summary: "cache_usage_ratio is 0.99, at or above 0.95",
    }
}

/// huggingface/text-embeddings-inference router/src/http/server.rs, core/src/infer.rs: counters without `_total`.
fn tei() -> Pages {
    let page = |requests: u32, failures: u32, waiting: u32| {
        format!(
            "# TYPE te_request_count counter\n\
             te_request_count{{method=\"single\"}} {requests}\n\
             te_request_count{{method=\"batch\"}} 5\n\
             # TYPE te_request_failure counter\n\
             te_request_failure{{err=\"overloaded\"}} {failures}\n\
             # TYPE te_queue_size gauge\n\
             te_queue_size {waiting}\n\
             # TYPE te_request_duration histogram\n\
             te_request_duration_sum{{method=\"single\"}} 1.5\n"
        )
    };
    Pages {
        preset: "tei",
        before: page(10, 0, 0),
        healthy: page(20, 0, 2),
        failing: page(20, 3, 512),
        values: json!({ "failures": { "above": { "warning": 1 } } }),
        expected: &[("requests", 10.0), ("failures", 0.0), ("waiting", 2.0)],
        summary: "failures is 3, at or above 1",
    }
}

/// huggingface/text-generation-inference docs/source/reference/metrics.md; failures by `err`: router/src/infer/mod.rs.
fn tgi() -> Pages {
    let page = |requests: u32, failures: u32, seconds: &str| {
        format!(
            "# TYPE tgi_request_count counter\n\
             tgi_request_count {requests}\n\
             # TYPE tgi_request_failure counter\n\
             tgi_request_failure{{err=\"overloaded\"}} {failures}\n\
             tgi_request_failure{{err=\"validation\"}} 1\n\
             # TYPE tgi_queue_size gauge\n\
             tgi_queue_size 4\n\
             # TYPE tgi_request_duration histogram\n\
             tgi_request_duration_bucket{{le=\"+Inf\"}} {requests}\n\
             tgi_request_duration_sum {seconds}\n\
             tgi_request_duration_count {requests}\n"
        )
    };
    Pages {
        preset: "tgi",
        before: page(10, 0, "20"),
        healthy: page(20, 0, "35"),
        failing: page(20, 0, "120"),
        values: json!({ "request_seconds": { "above": { "warning": 5, "critical": 10 } } }),
        expected: &[
            ("requests", 10.0),
            ("failures", 0.0),
            ("waiting", 4.0),
            ("request_seconds", 1.5),
        ],
        summary: "request_seconds is 10, at or above 10",
    }
}

/// feast-dev/feast docs/reference/feature-servers/python-feature-server.md, "Metrics".
fn feast() -> Pages {
    let page = |age: u32, requests: u32, seconds: &str| {
        let labels = "endpoint=\"/get-online-features\"";
        format!(
            "# TYPE feast_feature_freshness_seconds gauge\n\
             feast_feature_freshness_seconds{{feature_view=\"users\",project=\"match\"}} {age}.0\n\
             feast_feature_freshness_seconds{{feature_view=\"items\",project=\"match\"}} 60.0\n\
             # TYPE feast_feature_server_request_total counter\n\
             feast_feature_server_request_total{{{labels},status=\"success\"}} {requests}.0\n\
             # TYPE feast_feature_server_request_latency_seconds histogram\n\
             feast_feature_server_request_latency_seconds_count{{{labels}}} {requests}.0\n\
             feast_feature_server_request_latency_seconds_sum{{{labels}}} {seconds}\n"
        )
    };
    Pages {
        preset: "feast",
        before: page(500, 10, "1.0"),
        healthy: page(600, 20, "1.5"),
        failing: page(9_000, 20, "1.5"),
        values: json!({ "feature_age_seconds": { "above": { "warning": 7200 } } }),
        expected: &[
            ("feature_age_seconds", 600.0),
            ("requests", 10.0),
            ("request_seconds", 0.05),
        ],
        summary: "feature_age_seconds is 9000, at or above 7200",
    }
}

/// meilisearch/meilisearch crates/meilisearch/src/metrics.rs.
fn meilisearch() -> Pages {
    let page = |documents: u32| {
        format!(
            "# HELP meilisearch_index_count Meilisearch Index Count\n\
             # TYPE meilisearch_index_count gauge\n\
             meilisearch_index_count 2\n\
             # HELP meilisearch_index_docs_count Meilisearch Index Docs Count\n\
             # TYPE meilisearch_index_docs_count gauge\n\
             meilisearch_index_docs_count{{index=\"shops\"}} {documents}\n\
             meilisearch_index_docs_count{{index=\"areas\"}} 200\n\
             # HELP meilisearch_is_indexing Meilisearch Is Indexing\n\
             # TYPE meilisearch_is_indexing gauge\n\
             meilisearch_is_indexing 1\n"
        )
    };
    Pages {
        preset: "meilisearch",
        before: page(900),
        healthy: page(1_000),
        failing: page(0),
        values: json!({ "documents": { "below": { "critical": 1000 } } }),
        expected: &[("documents", 1200.0), ("indexing", 1.0)],
        summary: "documents is 200, less than 1000",
    }
}

fn all() -> [Pages; 9] {
    [
        triton(),
        torchserve(),
        tensorflow_serving(),
        bentoml(),
        vllm(),
        tei(),
        tgi(),
        feast(),
        meilisearch(),
    ]
}

/// The second of two runs.
fn second(pages: &Pages, after: &str) -> Run {
    let mut texts = [pages.before.clone(), after.to_owned()].into_iter();
    let server = Server::new().answering(move |_| (200, texts.next().unwrap()));
    let mut fake = Fake::new().with_scheduled_at_unix(NOW).with_http(server.into_answer());
    let target = json!({ "url": "http://server/", "preset": pages.preset, "values": pages.values });
    let settings = json!({ "scrape": { "t": target } });
    let _ = fake.run::<MlPipeline>(settings.clone());
    fake.run::<MlPipeline>(settings)
}

#[test]
fn every_preset_with_metrics_has_pages_here() {
    let with = System::ALL
        .into_iter()
        .map(System::preset)
        .filter(|preset| preset.scrape.is_some());
    let wanted: Vec<&str> = with
        .map(|preset| preset.name)
        .filter(|name| *name != "generic")
        .collect();
    let here: Vec<&str> = all().iter().map(|pages| pages.preset).collect();
    assert_eq!(here, wanted);
}

#[test]
fn a_healthy_page_is_ok_with_each_value_in_base_units() {
    for pages in all() {
        let run = second(&pages, &pages.healthy);
        assert_eq!(run.status("scrape t"), Status::Ok, "{:?}", run.verdict("scrape t"));
        for (name, expected) in pages.expected {
            let value = run.value("ml_server_value", &["t", name]);
            let near = value.is_some_and(|value| (value - expected).abs() < 1e-9);
            assert!(near, "{} {name}: {value:?}, not {expected}", pages.preset);
        }
    }
}

#[test]
fn a_failing_page_is_said_with_the_value_that_tells() {
    for pages in all() {
        let run = second(&pages, &pages.failing);
        let verdict = run.verdict("scrape t");
        assert_ne!(verdict.status, Status::Ok, "{}", pages.preset);
        assert_eq!(verdict.summary, pages.summary, "{}", pages.preset);
    }
}

/// Meilisearch's metrics are an experimental feature; what a server without it says: meilisearch/meilisearch
/// crates/index-scheduler/src/features.rs.
#[test]
fn a_server_that_does_not_expose_metrics_says_so_itself() {
    let off = json!({
        "message": "Getting metrics requires enabling the `metrics` experimental feature.",
        "code": "feature_not_enabled", "type": "invalid_request",
    });
    let settings = json!({ "scrape": { "t": { "url": "http://server/", "preset": "meilisearch" } } });
    let run = run_one(settings, Server::new().json("/metrics", 400, off));
    assert_eq!(run.verdict("scrape t").code, "unexpected_status");
    assert!(
        run.verdict("scrape t")
            .summary
            .contains("requires enabling the `metrics`")
    );
}
