"""The Segment dock: a network scores an image tile by tile; thresholds act on it at once."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari.layers import Labels
from napari.utils.events import Event
from napari.viewer import Viewer
from qtpy.QtWidgets import QApplication, QComboBox, QFileDialog, QWidget

from napari_unet.widgets.layers.annotation_layers import path_of
from napari_unet.widgets.menu_commands import annotate_with
from napari_unet.widgets.readers import open_network
from napari_unet.widgets.segment import region_choice
from napari_unet.widgets.segment.inputs import Inputs, add_row, form
from napari_unet.widgets.segment.object_table import Table
from napari_unet.widgets.segment.result import Overlays, Result
from napari_unet.widgets.segment.result_bar import LabelOptionsForm, MoreActions, ResultBar
from napari_unet.widgets.segment.run_bar import PlanLine, RunBar
from napari_unet.widgets.segment.runs import FOLDER_SECONDS, FolderRun, Segmentations
from napari_unet.widgets.shared import messages
from napari_unet.widgets.shared.dock import Dock, Section, open_dock
from napari_unet.widgets.shared.job import Job
from napari_unet.widgets.shared.layer_events import Connections, disconnect_all
from napari_unet.widgets.shared.preferences import machine
from napari_unet.workflows.scheduler import Outcome
from napari_unet.workflows.scripts import segmentation_script
from napari_unet.workflows.segment_request import LabelOptions

if TYPE_CHECKING:
    from napari_unet.workflows.segment_files import FilesRequest

STACKS = ("plane by plane", "as volumes")


class SegmentDock(Dock):
    """The dock: choices, progress, and the controls of the result."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.segmentations = Segmentations.of(self.session)
        self.inputs = Inputs(self.viewer, self.session)
        self.options = LabelOptionsForm()
        self.stack = QComboBox()
        self.stack.addItems(STACKS)
        self.stack.setToolTip(
            "Objects of a stack: each plane has its own, or they go on from plane to plane. "
            "Acts on a finished result at once"
        )
        self.more = MoreActions()
        self.runs = RunBar(self.segmentations)
        self.results = ResultBar(self.session)
        self.planning = PlanLine(self.session, self.inputs)
        self.overlays = Overlays(self.session, self)
        self._opening: Job | None = None
        self._lay_out()
        self._connect()
        self._show_image()
        self.planning.ask()

    def reset_choices(self, event: Event | None = None) -> None:
        """Follow the layer list."""
        super().reset_choices(event)
        self._show_result()

    def segment(self) -> None:
        """Start the chosen segmentation, or queue it behind the running one."""
        try:
            if self.inputs.scope == region_choice.FOLDER:
                self.segmentations.start(FolderRun(self.session, self._folder_request()))
                return
            for image, request in self.inputs.requests():
                self.segmentations.segment(image, request, self.options.value())
        except ValueError as error:
            messages.problem(str(error))

    def result(self) -> Result | None:
        """Return the result of the chosen image."""
        return self.segmentations.result_of(self.inputs.image.value())

    def copy_script(self) -> str:
        """Copy Python code that repeats the chosen segmentation, and return it."""
        network = self.inputs.network.value()
        try:
            image, request = self.inputs.requests()[0]
        except ValueError as error:
            messages.problem(str(error))
            return ""
        assert network is not None
        text = segmentation_script(request, self.options.value(), path_of(image), network.path)
        QApplication.clipboard().setText(text)
        messages.info("The Python that repeats this segmentation is on the clipboard")
        return text

    def show_table(self) -> Table | None:
        """Show the objects below the image."""
        result = self.result()
        layer = None if result is None else result.layer
        if result is None or layer is None:
            return None
        table = Table(self.viewer, result)
        self.viewer.window.add_dock_widget(
            table, name=f"Objects of {layer.name}", area="bottom", add_vertical_stretch=False
        )
        return table

    def load(self, path: Path) -> None:
        """Open a network file and choose it."""
        self._opening = open_network(self.session, path)
        self._opening.ended.connect(self._opened)

    def _folder_request(self) -> "FilesRequest":
        from napari_unet.workflows.result_files import Outputs
        from napari_unet.workflows.segment_files import Choices, FilesRequest

        kept = self.inputs.network.value()
        if kept is None:
            raise ValueError("There is no network yet: train one in Train, or load a file")
        source, target = self.inputs.folder.folders()
        # planes and volumes are joined by what writes the files, as the network sees them
        options = replace(self.options.value(), volume=False)
        dims = kept.network.dims
        objects = options.settings(dims, dims) if options.objects else None
        form, scores = self.inputs.folder.file_form(), self.inputs.folder.scores.isChecked()
        outputs = Outputs(target, form, scores, objects, options.threshold)
        tile, average = self.inputs.tile or None, self.inputs.average.currentText()
        choices = Choices(tile, machine().memory_bytes, average, FOLDER_SECONDS)
        return FilesRequest([source], kept.network, outputs, choices, skip_existing=True)

    def _show_image(self) -> None:
        """Show the label options that the chosen image had last."""
        result = self.result()
        if result is not None:
            self.options.set_value(result.options)
            self.stack.setCurrentIndex(int(result.options.volume))
            self.more.split.setValue(result.options.split)
        self._show_result()

    def _show_result(self) -> None:
        result = self.result()
        self.results.show_result(result)
        self.more.show_result(result is not None and result.layer is not None)
        self.form.setRowVisible(self.stack, self._is_stack())

    def _is_stack(self) -> bool:
        image, network = self.inputs.image.value(), self.inputs.network.value()
        if image is None or network is None or not self.options.value().objects:
            return False
        if self.inputs.scope == region_choice.FOLDER:
            return False
        try:
            return bool(network.network.dims == 2 and region_choice.has_planes(image, 2))
        except ValueError:
            return False

    def _options_changed(self, options: LabelOptions) -> None:
        result = self.result()
        if result is not None:
            result.set_options(options)
        self._show_result()

    def _more_changed(self) -> None:
        self.inputs.tile = self.more.tile.value()
        self.inputs.touch()

    def _opened(self, outcome: Outcome) -> None:
        newest = self.session.networks.newest
        if outcome.value is not None and newest is not None:
            self.inputs.network.choose(newest.name)

    def _load(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, "Open a network", "", "Networks (*.safetensors)"
        )
        if path:
            self.load(Path(path))

    def _annotate(self, changes: bool, rim: int = 0) -> None:
        result = self.result()
        layer: Labels | None = None if result is None else result.layer
        if layer is not None:
            annotate_with(self.viewer, layer, changes, rim)

    def _evaluate(self) -> None:
        """Open Evaluate with the result and the labels that may be its truth."""
        result = self.result()
        try:
            dock = open_dock(self.viewer, "Evaluate")
        except (KeyError, ValueError) as error:
            messages.problem(f"The Evaluate dock cannot be opened: {error}")
            return
        if result is not None and result.layer is not None:
            dock.layers.set_result(result.layer)

    def _lay_out(self) -> None:
        page = QWidget()
        self.form = form(page)
        self.form.addRow(self.inputs)
        self.form.addRow(self.options)
        add_row(self.form, "Stacks", self.stack)
        self.body.addWidget(page)
        self.body.addWidget(Section("More", self.more))
        self.foot.addWidget(self.runs)
        self.foot.addWidget(self.results)

    def _connect(self) -> None:
        self.inputs.load.clicked.connect(self._load)
        self.inputs.edited.connect(self._show_result)
        self.inputs.image.changed.connect(self._show_image)
        self.options.changed.connect(self._options_changed)
        self.stack.currentIndexChanged.connect(lambda n: self.options.change(volume=bool(n)))
        self.more.split.valueChanged.connect(lambda size: self.options.change(split=float(size)))
        self.more.changed.connect(self._more_changed)
        self.more.scores.clicked.connect(lambda: self.overlays.show_scores(self._there()))
        self.more.uncertainty.clicked.connect(lambda: self.overlays.show_uncertainty(self._there()))
        self.more.script.clicked.connect(self.copy_script)
        self.planning.planned.connect(self.runs.set_plan)
        self.runs.start.clicked.connect(self.segment)
        self.segmentations.changed.connect(self._show_result)
        self.results.table.connect(self.show_table)
        self.results.evaluate.connect(self._evaluate)
        self.results.annotate_all.connect(lambda: self._annotate(False))
        self.results.annotate_changes.connect(lambda rim: self._annotate(True, rim))
        watch = Connections()
        watch.follow(self._view_changed, self.viewer.scene.camera.events, self.viewer.dims.events)
        self.destroyed.connect(partial(disconnect_all, watch))

    def _view_changed(self, event: Event | None = None) -> None:
        self.inputs.follow_view()

    def _there(self) -> Result:
        result = self.result()
        assert result is not None
        return result
