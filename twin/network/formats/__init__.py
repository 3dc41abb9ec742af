"""A contact plan in the files of other houses: ION's and HDTN's for their nodes, CSV and JSON for people and tools."""

from twin.network.formats.document import to_json
from twin.network.formats.hdtn import read_hdtn, to_hdtn
from twin.network.formats.ion import to_ion
from twin.network.formats.ion_reader import read_ion
from twin.network.formats.nodes import number_nodes
from twin.network.formats.plan_file import Import, PlanFileError
from twin.network.formats.table import read_csv, to_csv
from twin.network.formats.whole_seconds import Change, Export

__all__ = [
    "Change",
    "Export",
    "Import",
    "PlanFileError",
    "number_nodes",
    "read_csv",
    "read_hdtn",
    "read_ion",
    "to_csv",
    "to_hdtn",
    "to_ion",
    "to_json",
]
