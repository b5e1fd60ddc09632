"""Faults that the tests must find. A fault is one text in one module, replaced by another.

`old` must stand exactly once in the module `file`, which is looked for anywhere under fer_utils/,
as a test file is anywhere under tests/. file.py::name is a single test of it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One fault: a module's file name, a text and what replaces it, and the tests that kill it."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def _of(file: str, *tests: str, **faults: tuple[str, str]) -> list[Mutant]:
    stem = file.removesuffix(".py")
    return [Mutant(f"{stem}.{name}", file, *texts, tests) for name, texts in faults.items()]


# Tables, numbers, charts and texts of the report: 21 faults that 66 tests once let pass
REPORTING = [
    *_of(
        "tables.py",
        "test_tables.py",
        averages_reported_and_reproduced_swapped=(
            '(percent(c["reported"]), plus_minus(c["mean"], c["std"]), signed(c["points"])) for',
            '(plus_minus(c["mean"], c["std"]), percent(c["reported"]), signed(c["points"])) for',
        ),
        claims_reported_and_measured_swapped=(
            "signed(r.reported * 100), signed(r.mean * 100), ends",
            "signed(r.mean * 100), signed(r.reported * 100), ends",
        ),
        calibration_raw_and_scaled_swapped=('("ece", "ece_scaled")]', '("ece_scaled", "ece")]'),
        accuracies_validation_and_test_swapped=(
            'for split in ("val", "test"))',
            'for split in ("test", "val"))',
        ),
    ),
    *_of(
        "loss_tables.py",
        "test_tables.py",
        chance_sources_swapped=(
            'percent(mean["seeds_error"], 2), percent(mean["images_error"], 2)',
            'percent(mean["images_error"], 2), percent(mean["seeds_error"], 2)',
        ),
        single_runs_winners_swapped=(
            '(called["gain"] < 0).sum(), (called["gain"] > 0).sum()',
            '(called["gain"] > 0).sum(), (called["gain"] < 0).sum()',
        ),
    ),
    *_of(
        "loss_numbers.py",
        "test_golden.py",
        gamma_low_is_high=(
            '"gamma.low": percent(accuracy["mean"].min())',
            '"gamma.low": percent(accuracy["mean"].max())',
        ),
        single_focal_is_cross_entropy=(
            '.single.focal": str((called["gain"] > 0)',
            '.single.focal": str((called["gain"] < 0)',
        ),
    ),
    *_of(
        "numbers.py",
        "test_golden.py",
        leaks_gain_of_the_wrong_sign=(
            'percent(mean["all"] - mean["clean"])',
            'percent(mean["clean"] - mean["all"])',
        ),
        easiest_is_hardest=(
            'means["f1"].idxmax(), f"{task}.hardest": means["f1"].idxmin()',
            'means["f1"].idxmin(), f"{task}.hardest": means["f1"].idxmax()',
        ),
    ),
    *_of(
        "plots.py",
        "test_plots.py",
        confusion_shares_of_the_prediction=(
            "counts.div(counts.sum(axis=1), axis=0) * 100 for title",
            "counts.div(counts.sum(axis=0), axis=1) * 100 for title",
        ),
        reliability_axes_swapped=(
            'table["confidence"], table["accuracy"], "o-"',
            'table["accuracy"], table["confidence"], "o-"',
        ),
    ),
    *_of(
        "loss_plots.py",
        "test_loss_plots.py",
        forest_mean_of_the_wrong_sign=(
            'axis.plot(cell["mean"] * 100, y',
            'axis.plot(-cell["mean"] * 100, y',
        ),
    ),
    *_of(
        "report_b_tables.py",
        "test_tables.py",
        validation_and_training_swapped=(
            "percent(r.val), percent(r.train)",
            "percent(r.train), percent(r.val)",
        ),
    ),
    *_of(
        "transfer_tables.py",
        "test_tables.py",
        five_and_ten_epochs_swapped=(
            "percent(r.short), percent(r.long)",
            "percent(r.long), percent(r.short)",
        ),
    ),
    *_of(
        "best_tables.py",
        "test_tables.py",
        accuracy_and_f1_swapped=("both[0], ends, both[1]", "both[1], ends, both[0]"),
        rival_and_ours_swapped=(
            "r.seeds, percent(r.rival), percent(r.ours)",
            "r.seeds, percent(r.ours), percent(r.rival)",
        ),
    ),
    *_of(
        "model_card.py",
        "test_model_card.py",
        confusion_transposed=("shares = counts.div(", "shares = counts.T.div("),
    ),
    *_of(
        "build.py",
        "test_build.py::test_a_failure_of_latex_is_an_error_and_leaves_the_old_pdf",
        latex_status_ignored=("if done.returncode:", "if False:"),
    ),
    *_of(
        "figures.py",
        "test_figures.py",
        before_and_after_swapped=("_named_rows([before, after]", "_named_rows([after, before]"),
    ),
    *_of(
        "transfer_plots.py",
        "test_transfer_plots.py",
        grid_shows_test=(
            'columns="weight_decay", values="val"',
            'columns="weight_decay", values="test"',
        ),
    ),
]

# What is computed: losses, metrics, statistics, splits, ids, training
COMPUTING = [
    *_of(
        "faceres.py",
        "test_faceres.py::test_a_file_of_the_graph_is_folded_and_fits",
        factors_left_out=(" * scale[:, np.newaxis]", ""),
    ),
    *_of(
        "shared_features.py",
        "test_shared_features.py",
        features_of_other_rows=("seek(self._place(rows[place]))", "seek(self._place(rows[0]))"),
        any_filter_alike=("told = [self.images, ", "told = ["),
    ),
    *_of(
        "losses.py",
        "test_losses.py",
        focal_sign=("loss = -(miss**", "loss = (miss**"),
        focal_without_class_weights=("self.alpha[labels] * loss", "loss"),
        focal_softmax_over_the_batch=("log_softmax(logits, dim=1)", "log_softmax(logits, dim=0)"),
        cross_entropy_without_class_weights=(
            "nn.CrossEntropyLoss(class_weights, ",
            "nn.CrossEntropyLoss(None, ",
        ),
        smoothing_dropped=("label_smoothing=label_smoothing)", "label_smoothing=0.0)"),
    ),
    *_of(
        "losses.py",
        "test_optimizers.py",
        pieces_do_not_count_by_share=("share * share_of(", "share_of("),
        share_of_images_not_of_weights=(
            "weights[piece].sum() / weights[whole].sum()",
            "len(piece) / len(whole)",
        ),
    ),
    *_of(
        "prediction.py",
        "test_prediction.py",
        predict_without_eval_mode=("network.eval()", "network.train()"),
        view_moves_the_other_way=("device=images.device) - by", "device=images.device) + by"),
    ),
    *_of(
        "metrics.py",
        "test_metrics.py",
        confusion_transposed=(
            "confusion_matrix(labels, logits.argmax(1),",
            "confusion_matrix(logits.argmax(1), labels,",
        ),
        top1_for_top2=("k=2, labels", "k=1, labels"),
        least_sure_errors_first=("np.argsort(-sure[wrong]", "np.argsort(sure[wrong]"),
    ),
    *_of(
        "metrics.py",
        "test_metrics.py::test_resampled_scores_with_equal_weights_are_the_scores",
        "test_metrics.py::test_a_weight_of_2_is_the_image_twice",
        precision_and_recall_swapped=(
            "counts.sum(3), counts.sum(2), counts",
            "counts.sum(2), counts.sum(3), counts",
        ),
        resampled_top2_off_by_one=("true_logit).sum(2) < 2", "true_logit).sum(2) < 1"),
    ),
    *_of(
        "statistics.py",
        "test_statistics.py",
        difference_of_the_wrong_sign=(
            "np.asarray(b, float) - np.asarray(a, float)",
            "np.asarray(a, float) - np.asarray(b, float)",
        ),
        sd_without_bessel=("np.std(values, ddof=1)", "np.std(values, ddof=0)"),
        interval_of_90_percent=("stats.t.ppf(0.975,", "stats.t.ppf(0.95,"),
        prediction_interval_of_the_mean=("np.sqrt(more + 1 / n)", "np.sqrt(1 / n)"),
        ties_count_nothing=(" + (difference == 0).mean() / 2", ""),
        holm_off_by_one=("np.arange(len(p), 0, -1)", "np.arange(len(p) - 1, -1, -1)"),
        holm_not_monotonic=("np.maximum.accumulate(p[order]", "np.asarray(p[order]"),
        bootstrap_of_90_percent=("[2.5, 97.5]", "[5, 95]"),
        bootstrap_parts_copies=("np.unique(groups,", "np.unique(np.arange(len(groups)),"),
        mcnemar_counts_both_wrong=("(~right_a & right_b)", "(~right_a & ~right_b)"),
    ),
    *_of(
        "splits.py",
        "test_splits.py",
        cap_off_by_one=("rng.choice(rows, cap,", "rng.choice(rows, cap - 1,"),
        training_and_validation_swapped=(
            "pool[in_train], pool[~in_train], tests",
            "pool[~in_train], pool[in_train], tests",
        ),
        private_validates_on_private=('("PublicTest",) if private', '("PrivateTest",) if private'),
        not_stratified=("stratify=labels[pool[first]]", "stratify=None"),
        seed_does_not_draw_the_cap=("np.random.default_rng(seed)", "np.random.default_rng(0)"),
        seed_does_not_draw_the_split=("random_state=seed", "random_state=0"),
    ),
    *_of(
        "splits.py",
        "test_duplicates.py",
        leaked_test_images_stay=("tests[~np.isin(groups[tests], groups[elsewhere])]", "tests"),
        validation_shares_photographs=("pool[~np.isin(groups[pool], groups[val])]", "pool"),
    ),
    *_of(
        "experiment.py",
        "test_golden.py::test_every_committed_run_still_has_its_id",
        id_of_all_settings=(" if settings[field.name] != field.default", ""),
        a_default_changes=("weight_decay: NotNegative = 1e-4", "weight_decay: NotNegative = 1e-3"),
        id_shorter=(".hexdigest()[:8]", ".hexdigest()[:7]"),
    ),
    *_of(
        "checkpoints.py",
        "test_checkpoints.py",
        best_by_loss=(
            '(row["val_accuracy"] for row in history)',
            '(-row["val_loss"] for row in history)',
        ),
        best_is_the_latest_of_equals=("if last > max(before", "if last >= max(before"),
    ),
    *_of(
        "loop.py",
        "test_loop.py::test_every_epoch_has_draws_and_an_order_of_its_own",
        "test_loop.py::test_the_network_trains_in_training_mode_and_is_validated_on_validation",
        "test_loop.py::test_the_training_loss_is_the_mean_over_images_not_over_batches",
        "test_loop.py::test_with_mixup_the_smaller_share_is_no_hit",
        "test_loop.py::test_a_steps_gradient_is_that_of_its_batch_alone",
        trains_in_evaluation_mode=("network.train()", "network.eval()"),
        validates_in_training_mode=("network.eval()", "network.train()"),
        validates_on_training_images=(
            "evaluate(setup, val_set",
            "evaluate(setup, train_set",
        ),
        loss_of_the_mean_batch=("loss.detach() * len(labels)", "loss.detach()"),
        same_seed_in_every_epoch=(
            "seed = 1000 * config.seeds.order + epoch",
            "seed = 1000 * config.seeds.order",
        ),
        gradients_add_up=("network.zero_grad()", "pass"),
        hits_of_the_smaller_share=("targets[0].labels[piece]", "targets[-1].labels[piece]"),
    ),
    *_of(
        "setup.py",
        "test_loop.py::test_the_averaged_weights_are_validated_and_saved",
        validates_the_last_weights=(
            "self.ema.network if self.ema else",
            "self.network if self.ema else",
        ),
    ),
    *_of(
        "setup.py",
        "test_runner.py::test_the_class_weights_are_the_tasks_or_none",
        class_weights_dropped=("weights if config.class_weights else None", "None"),
    ),
    *_of(
        "optimizers.py",
        "test_optimizers.py::test_every_group_has_the_weight_decay",
        "test_optimizers.py::test_each_stage_has_its_share_of_the_learning_rate",
        weight_decay_dropped=('"weight_decay": weight_decay', '"weight_decay": 0.0'),
        stages_in_the_wrong_order=("(reversed(network.stages))", "(network.stages)"),
    ),
    *_of(
        "optimizers.py",
        "test_optimizers.py",
        clips_at_twice_the_norm=(
            "parameters(), self.max_norm)",
            "parameters(), 2 * self.max_norm)",
        ),
    ),
    *_of(
        "early_stopping.py",
        "test_early_stopping.py::test_patience_counts_epochs_without_a_higher_accuracy",
        patience_ends_with_a_better_epoch=(
            "max(accuracies[-patience:]) <= max",
            "max(accuracies[-patience:]) >= max",
        ),
    ),
    *_of(
        "memory.py",
        "test_memory.py",
        a_failed_attempt_is_kept=("start_again()", "pass"),
        a_resumed_run_forgets_its_size=('history[-1].get("micro_batch", batch_size)', "batch_size"),
    ),
    *_of(
        "loop.py",
        "test_memory.py",
        validation_in_whole_batches=("for piece in images.split(size)", "for piece in [images]"),
    ),
    *_of(
        "feature_cache.py",
        "test_memory.py",
        features_of_whole_batches=("images.split(micro_batch)", "[images]"),
    ),
    *_of(
        "schedules.py",
        "test_schedules.py",
        cosine_rises=("(1 + cos(pi * progress)) / 2", "(1 - cos(pi * progress)) / 2"),
        plateau_off_by_one=("if waited == PATIENCE:", "if waited > PATIENCE:"),
    ),
    *_of(
        "schedules.py",
        "test_schedules.py::test_the_rate_rises_after_each_thaw",
        warm_up_counts_from_the_start=("(step - self.epoch_steps * (unfrozen - 1))", "(step)"),
    ),
    *_of(
        "freezing.py",
        "test_freezing.py",
        first_stages_learn=("network.stages[-count:]", "network.stages[:count]"),
        frozen_statistics_move=(
            "frozen if frozen_in_eval else ()",
            "frozen if not frozen_in_eval else ()",
        ),
        thaw_an_epoch_late=("if first <= epoch), default=1)", "if first < epoch), default=1)"),
    ),
    *_of(
        "ema.py",
        "test_ema.py",
        warm_up_off_by_one=(" / (10 + step))\n", " / (9 + step))\n"),
        no_warm_up=("min(self.decay, (1 + step)", "max(self.decay, (1 + step)"),
        averages_counters=("if not pair[0].is_floating_point()]", "if False]"),
    ),
    *_of(
        "runner.py",
        "test_runner.py::test_saved_logits_give_the_saved_scores",
        "test_runner.py::test_the_history_and_the_scores_have_the_same_validation_images",
        "test_runner.py::test_the_class_weights_are_the_tasks_or_none",
        "test_runner.py::test_the_selected_epoch_is_tested",
        best_epoch_not_tested=("experiment.tested_checkpoint", '"last.pth"'),
    ),
    *_of(
        "testing.py",
        "test_runner.py::test_saved_logits_give_the_saved_scores",
        "test_runner.py::test_the_history_and_the_scores_have_the_same_validation_images",
        scores_validation_on_test=("part = batches[split]", 'part = batches["test"]'),
        rows_of_the_other_split=(
            '{"val": split.val, "test": split.test}',
            '{"val": split.test, "test": split.val}',
        ),
    ),
    *_of(
        "results.py",
        "test_results.py::test_the_winner_of_a_grid_is_chosen_by_its_mean_on_validation",
        winner_by_test=('study.scores("val").query', 'study.scores("test").query'),
    ),
    *_of(
        "best_network.py",
        "test_best_network.py::test_the_run_of_the_highest_validation_accuracy_is_exported",
        export_chosen_by_test=('study.scores("val").query', 'study.scores("test").query'),
    ),
]

# What follows from the results, and the exported network: faults that tests once let pass
ANALYSING = [
    *_of(
        "report_b.py",
        "test_report_b.py",
        last_epoch_is_the_best=(
            '{"last": "test", "both": "test_last"}',
            '{"last": "test", "both": "test"}',
        ),
        error_without_seeds=('/ np.sqrt(val["seeds"])', ""),
    ),
    *_of(
        "resnet_remarks.py",
        "test_resnet_remarks.py",
        gap_of_the_best_epoch=("gap=by_run.last()", "gap=by_run.max()"),
    ),
    *_of(
        "reproduction.py",
        "test_reproduction.py",
        distance_with_its_sign=('trained["points"].abs().groupby', 'trained["points"].groupby'),
    ),
    *_of(
        "claims.py",
        "test_claims.py",
        family_of_one=(
            "= holm(corrected.loc[family.index, name])",
            "= corrected.loc[family.index, name]",
        ),
        effect_before_direction=(
            'VERDICTS = ("supported", "refuted", "no effect"',
            'VERDICTS = ("no effect", "supported", "refuted"',
        ),
    ),
    *_of(
        "claim_list.py",
        "test_claim_list.py",
        one_loss_for_both=("for loss in LOSSES)", 'for loss in ("focal", "focal"))'),
        any_test_instead_of_every=("groupby(level=0).min()", "groupby(level=0).max()"),
    ),
    *_of(
        "claim_scores.py",
        "test_claim_scores.py",
        runs_of_every_study=(
            "chosen = [of_network(model, studies)]",
            'chosen = [having("model", model)]',
        ),
    ),
    *_of(
        "calibration_comparison.py",
        "test_calibration_comparison.py",
        rows_by_position=("runs.reset_index(drop=True).join(", "runs.join("),
        validation_pooled=('arrays["test_labels"] for', 'arrays["val_labels"] for'),
    ),
    *_of(
        "loss_comparison.py",
        "test_loss_comparison.py",
        protocols_swapped=("run=listed, class_weights=False", "run=listed, class_weights=True"),
    ),
    *_of(
        "readings.py",
        "test_readings.py::test_a_run_at_chance_is_left_out_with_its_seed_and_counted",
        "test_readings.py::test_the_gain_is_that_of_the_likelihoods_on_the_seeds_of_both",
        runs_at_chance_kept=("chance + AT_CHANCE", "chance - AT_CHANCE"),
        ours_on_all_seeds=("run.values(OURS, seeds)", "run.scores.xs(OURS).to_numpy()"),
    ),
    *_of(
        "chance.py",
        "test_chance.py::test_each_source_gets_what_it_alone_does",
        interaction_left_out=("both * (others - 1) / others", "0 * both"),
    ),
    *_of(
        "rates.py",
        "test_rates.py::test_validation_chooses_each_losses_rate",
        chosen_on_test=(
            '(["task", "loss"])["val"].idxmax()',
            '(["task", "loss"])["test"].idxmax()',
        ),
    ),
    *_of(
        "experiment.py",
        "test_experiment.py::test_each_source_of_chance_has_the_seed_or_its_own",
        sources_swapped=(
            "(self.split_seed, self.init_seed, self.order_seed)",
            "(self.init_seed, self.split_seed, self.order_seed)",
        ),
    ),
    *_of(
        "tasks.py",
        "test_tasks.py::test_the_weights_go_to_the_classes_in_the_order_that_is_named",
        order_inverted=(
            "task.weights[named.index(cls)] for cls in task.classes",
            "task.weights[task.classes.index(cls)] for cls in named",
        ),
    ),
    *_of(
        "leakage.py",
        "test_leakage.py",
        leaks_anywhere=('frame["leaked"] & in_test[kind]', "in_test[kind]"),
    ),
    *_of(
        "run_checks.py",
        "test_verify.py::test_damage_to_a_run_is_found_and_its_evidence_with_it",
        training_not_looked_at=('np.union1d(split.train, rows["val"])', 'rows["val"]'),
    ),
    *_of(
        "identities.py",
        "test_identities.py",
        rounding_not_allowed=("FOUR_DECIMALS = 0.5e-4", "FOUR_DECIMALS = 0.5e-5"),
    ),
    *_of(
        "inputs.py",
        "test_inputs.py::test_colour_is_told_from_grey_by_its_axis_of_channels",
        channels_anywhere=("in (1, 3) and shape[-1] != 3", "in (1, 3)"),
    ),
    *_of(
        "predictor.py",
        "test_predictor.py::test_a_broken_file_keeps_its_row_before_and_after_others",
        broken_files_come_last=("pd.Index(positions)", "pd.RangeIndex(len(positions))"),
    ),
]

# Photographs, and the network in other programs
DEPLOY = [
    *_of(
        "predictor.py",
        "test_export.py::test_probabilities_are_calibrated_and_sure_is_chosen_on_validation",
        temperature_multiplies=(
            "probabilities(logits / self.temperature)",
            "probabilities(logits)",
        ),
    ),
    *_of(
        "calibration.py",
        "test_calibration.py::test_the_sure_answers_are_right_as_often_as_asked",
        sure_takes_the_strictest_threshold=(
            "float(confidence[good[-1] + 1]) if good[-1] + 1",
            "float(confidence[good[0] + 1]) if good[0] + 1",
        ),
        equal_confidences_are_parted=(
            "np.append(confidence[:-1] > confidence[1:], True)",
            "right >= 0",
        ),
    ),
    *_of(
        "detection.py",
        "test_detection.py",
        score_of_the_class_alone=("np.sqrt(classes.clip(0, 1) * objects.clip(0, 1))", "classes"),
        colours_in_rgb_order=("np.asarray(picture)[..., ::-1]", "np.asarray(picture)"),
        pictures_searched_at_one_size=(
            "for side in (self.smallest, self.largest)",
            "for side in (self.largest,)",
        ),
        overlapping_boxes_stay=("order = rest[~same]", "order = rest"),
        parts_of_a_face_are_faces=("OVERLAP, INSIDE = 0.3, 0.8", "OVERLAP, INSIDE = 0.3, 2.0"),
    ),
    *_of(
        "cropping.py",
        "test_cropping.py",
        longer_side_for_the_mean=("(width + height) / 2 * margin", "max(width, height) * margin"),
        border_is_not_repeated=(".clip(0, end - 1)", " % end"),
        whole_pixels_alone=("x, y = left - first[1], top - first[0]", "x, y = 0, 0"),
    ),
    *_of(
        "photographs.py",
        "test_photographs.py",
        small_pictures_are_searched=("if max(picture.size) > CROPPED:", "if True:"),
        crops_without_margin=(
            "square(*face.box), predictor.side",
            "square(*face.box, 1.0), predictor.side",
        ),
        no_row_for_no_face=("return _nothing(NO_FACE)", "return _nothing(NO_FACE).iloc[:0]"),
    ),
    *_of(
        "graph.py",
        "test_export_formats.py::test_answers_are_pytorchs",
        "test_export_formats.py::test_any_number_and_size_of_pictures",
        "test_export_formats.py::test_load_best_opens_onnx_and_predicts_alike",
        mirror_upside_down=("x.flip(3)", "x.flip(2)"),
        luma_of_other_colours=(".view(1, 3, 1, 1))", ".flip(0).view(1, 3, 1, 1))"),
        without_temperature=("views.logsumexp(0) / self.temperature", "views.logsumexp(0)"),
    ),
    *_of(
        "export_formats.py",
        "test_export_formats.py",
        border_counted_as_black=('"exclude_outside", 1', '"exclude_outside", 0'),
        temperature_of_another_file=('_set_temperature(model, about["temperature"])', "pass"),
    ),
]

# Labels beside people's votes
LABELS = [
    *_of(
        "image_parts.py",
        "test_image_parts.py",
        an_image_without_a_score_counts_as_wrong=("inside *= scored[:, None]", "inside *= 1"),
        seeds_ignored=("if images and fixed:", "if images:"),
    ),
    *_of(
        "human_labels.py",
        "test_human_labels.py",
        identical_copies_count_as_asked_anew=("listed[~repeated]", "listed"),
    ),
    *_of(
        "people_and_networks.py",
        "test_people_and_networks.py",
        one_person_is_held_against_themselves=(
            "np.maximum(counts[:, answer] - 1, 0)",
            "counts[:, answer]",
        ),
        habit_of_the_test_images=('~faces.index["split"].isin', 'faces.index["split"].isin'),
    ),
    *_of(
        "doubtful_labels.py",
        "test_doubtful_labels.py",
        held_against_itself=("kind * refuted[:, None]", "kind * members[:, [0]]"),
    ),
    *_of(
        "label_evidence.py",
        "test_label_evidence.py",
        other_votes_go_unnoticed=('f"{one.inputs} {of_votes}"', "one.inputs"),
    ),
    *_of(
        "label_tables.py",
        "test_labels.py",
        one_person_and_most_swapped=(
            "one = share(r.single, r.single_low, r.single_high)",
            "one = share(r.majority, r.majority_low, r.majority_high)",
        ),
    ),
]

MUTANTS = REPORTING + COMPUTING + ANALYSING + LABELS + DEPLOY
