"""Times OpenSim's own tools on one trial; run by inverse_speed.py with a Python that has opensim.

    python opensim_worker.py CASE_FOLDER WORK_FOLDER START STOP

CASE_FOLDER holds model.osim, ext.xml, reserves.xml, ik.mot or markers.trc as the lab data's
opensim_reference folders do. Prints one JSON line: tool -> [frames, seconds]. Every tool is timed
around its run() alone: loading the model is not counted.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path

import opensim as osim


def main() -> None:
    case, work = Path(sys.argv[1]), Path(sys.argv[2])
    start, stop = float(sys.argv[3]), float(sys.argv[4])
    for file in case.iterdir():
        if file.suffix in (".osim", ".xml", ".mot", ".trc"):
            shutil.copy(file, work)
    osim.Logger.setLevelString("Error")
    figures = {"inverse kinematics": inverse_kinematics(work, start, stop)}
    figures["inverse dynamics"] = inverse_dynamics(work, start, stop)
    figures["muscle forces with geometry"] = static_optimization(work, start, stop)
    print(json.dumps({name: value for name, value in figures.items() if value}))


def inverse_kinematics(work: Path, start: float, stop: float) -> list[float] | None:
    """Every marker of the model that the file has, weight 1."""
    markers = work / "markers.trc"
    if not markers.exists():
        return None
    model = osim.Model(str(work / "model.osim"))
    data = osim.MarkerData(str(markers))  # kept: the list of names lives in it
    listed = data.getMarkerNames()
    names = {listed.get(i) for i in range(listed.getSize())}
    tool = osim.InverseKinematicsTool()
    tool.setModel(model)
    tool.setMarkerDataFileName(str(markers))
    tasks = tool.getIKTaskSet()
    for i in range(model.getMarkerSet().getSize()):
        name = model.getMarkerSet().get(i).getName()
        if name in names:
            task = osim.IKMarkerTask()
            task.setName(name)
            task.setWeight(1.0)
            tasks.cloneAndAppend(task)
    tool.setStartTime(start)
    tool.setEndTime(stop)
    tool.setOutputMotionFileName(str(work / "timed_ik.mot"))
    seconds = timed(tool)
    return [rows(work / "timed_ik.mot"), seconds]


def inverse_dynamics(work: Path, start: float, stop: float) -> list[float]:
    model = osim.Model(str(work / "model.osim"))
    tool = osim.InverseDynamicsTool()
    tool.setModel(model)
    tool.setCoordinatesFileName(str(work / "ik.mot"))
    tool.setLowpassCutoffFrequency(6)
    tool.setExternalLoadsFileName(str(work / "ext.xml"))
    excluded = osim.ArrayStr()
    excluded.append("ALL")
    tool.setExcludedForces(excluded)
    tool.setStartTime(start)
    tool.setEndTime(stop)
    tool.setResultsDir(str(work))
    tool.setOutputGenForceFileName("timed_id.sto")
    seconds = timed(tool)
    return [rows(work / "timed_id.sto"), seconds]


def static_optimization(work: Path, start: float, stop: float) -> list[float]:
    text = (work / "setup_SO.xml").read_text()
    for tag in ("initial_time", "start_time"):
        text = replaced(text, tag, start)
    for tag in ("final_time", "end_time"):
        text = replaced(text, tag, stop)
    setup = work / "timed_SO.xml"
    setup.write_text(text)
    tool = osim.AnalyzeTool(str(setup))
    seconds = timed(tool)
    return [rows(work / "SO_StaticOptimization_activation.sto"), seconds]


def timed(tool: object) -> float:
    begin = time.perf_counter()
    if not tool.run():
        raise SystemExit(f"{type(tool).__name__} failed")
    return time.perf_counter() - begin


def replaced(text: str, tag: str, value: float) -> str:
    head, _, rest = text.partition(f"<{tag}>")
    return f"{head}<{tag}>{value}</{tag}>{rest.partition(f'</{tag}>')[2]}"


def rows(path: Path) -> int:
    return osim.TimeSeriesTable(str(path)).getNumRows()


if __name__ == "__main__":
    main()
