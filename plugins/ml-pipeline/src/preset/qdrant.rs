//! Qdrant. Yellow is optimising and serves; grey waits for optimisation; red says why in `optimizer_status`.

use super::{About, DataApi, ENTRIES, Entries, NOTHING, Preset, Probe, Width, get, post, status};

const COLLECTION: Entries = Entries {
    list: "/result",
    state: "/status",
    ready: &["green", "yellow"],
    loading: &["grey"],
    failed: &["red"],
    error: "/optimizer_status/error",
    reasons: &["/optimizer_status/error", "/status"],
    ..ENTRIES
};

/// One unnamed vector, or several by name.
const VECTORS: &[Width] = &[
    Width {
        list: "/result/config/params/vectors",
        name: None,
        sizes: "/size",
    },
    Width {
        list: "/result/config/params/vectors/*",
        name: None,
        sizes: "/size",
    },
];

pub(super) const PRESET: Preset = Preset {
    name: "qdrant",
    source: "qdrant/qdrant docs/redoc/master/openapi.json",
    ready: &[
        status(About::Server, get("/readyz")),
        Probe {
            about: About::Model,
            request: get("/collections/<model>"),
            entries: Some(COLLECTION),
            widths: VECTORS,
        },
    ],
    data: Some(DataApi {
        time: &[(
            post(
                "/collections/<index>/points/scroll",
                r#"{"limit":1,"with_payload":["<field>"],"with_vector":false,"order_by":{"key":"<field>","direction":"desc"}}"#,
            ),
            &["/result/points/*/payload/*"],
        )],
        count: Some((get("/collections/<index>"), "/result/points_count")),
    }),
    ..NOTHING
};

#[cfg(test)]
mod tests {
    use bellwether_sdk::{
        Status,
        fake::{Run, json},
    };
    use serde_json::Value;

    use crate::tests::fixture::{Server, ago, ready, run_one};

    /// `CollectionInfo` of the OpenAPI document.
    fn collection(status: &str, optimizer: Value, vectors: Value) -> Value {
        json!({ "time": 0.0001, "status": "ok", "result": {
            "status": status, "optimizer_status": optimizer, "indexed_vectors_count": 900, "points_count": 1000, "segments_count": 2,
            "config": { "params": { "vectors": vectors, "shard_number": 1 } }, "payload_schema": {},
        } })
    }

    fn of(status: &str, optimizer: Value, vectors: Value, dimension: u64) -> Run {
        let server = Server::new().text("/readyz", 200, "all shards are ready").json(
            "/collections/items",
            200,
            collection(status, optimizer, vectors),
        );
        ready(
            json!({ "preset": "qdrant", "model": "items", "dimension": dimension }),
            server,
        )
    }

    fn plain() -> Value {
        json!({ "size": 768, "distance": "Cosine" })
    }

    #[test]
    fn a_green_or_yellow_collection_with_the_right_vectors_is_ok() {
        for status in ["green", "yellow"] {
            let run = of(status, json!("ok"), plain(), 768);
            assert_eq!(run.status("ready t"), Status::Ok, "{:?}", run.verdict("ready t"));
        }
        let named =
            json!({ "user": { "size": 768, "distance": "Cosine" }, "image": { "size": 512, "distance": "Dot" } });
        assert_eq!(
            of("green", json!("ok"), named.clone(), 768).status("ready t"),
            Status::Ok
        );
        assert_eq!(
            of("green", json!("ok"), named, 1024).verdict("ready t").code,
            "wrong_dimension"
        );
    }

    #[test]
    fn a_red_collection_is_critical_with_the_optimizers_reason() {
        let run = of(
            "red",
            json!({ "error": "Service internal error: no space left" }),
            plain(),
            768,
        );
        assert_eq!(
            (run.status("ready t"), run.verdict("ready t").code.as_str()),
            (Status::Critical, "model_load_failed")
        );
        assert!(run.verdict("ready t").summary.contains("no space left"));
        assert_eq!(
            of("grey", json!("ok"), plain(), 768).verdict("ready t").code,
            "model_loading"
        );
        assert_eq!(
            of("green", json!("ok"), plain(), 512).verdict("ready t").code,
            "wrong_dimension"
        );
    }

    #[test]
    fn a_collection_that_does_not_exist_says_so() {
        let gone = json!({ "status": { "error": "Not found: Collection `items` doesn't exist!" }, "time": 0.0 });
        let server = Server::new()
            .text("/readyz", 200, "")
            .json("/collections/items", 404, gone);
        let run = ready(json!({ "preset": "qdrant", "model": "items" }), server);
        assert_eq!(run.verdict("ready t").code, "model_not_found");
        assert!(run.verdict("ready t").summary.contains("doesn't exist"));
    }

    /// `ScrollResult`: the newest point by a payload field that has an index.
    #[test]
    fn the_newest_point_and_the_number_of_points_say_whether_data_flows() {
        let server = |age| {
            let points = json!({ "result": { "points": [{ "id": 1, "payload": { "updated_at": ago(age) } }], "next_page_offset": null } });
            Server::new()
                .json("/collections/items/points/scroll", 200, points)
                .json("/collections/items", 200, collection("green", json!("ok"), plain()))
        };
        let settings = json!({ "freshness": { "t": {
            "url": "http://server/", "preset": "qdrant", "index": "items", "field": "updated_at", "count": { "min": { "warning": 500 } },
        } } });
        let run = run_one(settings.clone(), server(3_600));
        assert_eq!(
            run.status("freshness t"),
            Status::Ok,
            "{:?}",
            run.verdict("freshness t")
        );
        assert_eq!(run.value("ml_data_objects", &["t"]), Some(1000.0));
        let run = run_one(settings, server(7_300));
        assert_eq!(
            (run.status("freshness t"), run.verdict("freshness t").code.as_str()),
            (Status::Warning, "data_stopped")
        );
    }
}
