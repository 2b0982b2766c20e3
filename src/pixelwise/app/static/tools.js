// The tools by name, and which one is in use.

import { setMarks } from "./stage.js";
import { app, changed } from "./state.js";
import { BoxTool } from "./tool_box.js";
import { BrushTool } from "./tool_brush.js";
import { CutTool } from "./tool_cut.js";
import { RegionTool } from "./tool_region.js";
import { ScribbleTool } from "./tool_scribble.js";
import { SelectTool } from "./tool_select.js";

const TOOLS = {
  select: new SelectTool(),
  region: new RegionTool(),
  brush: new BrushTool(false),
  eraser: new BrushTool(true),
  scribble: new ScribbleTool(),
  box: new BoxTool(),
  cut: new CutTool(),
  merge: new SelectTool(true),
};

/** In the order of the tool column: name and key. "merge" is entered by its button. */
export const TOOL_KEYS = [
  ["select", "V"], ["region", "R"], ["brush", "B"], ["eraser", "E"],
  ["scribble", "S"], ["box", "X"], ["cut", "K"],
];

export const currentTool = () => TOOLS[app.tool];

export function useTool(name) {
  currentTool().stop();
  app.tool = name;
  currentTool().start();
  setMarks((context, view) => currentTool().draw(context, view));
  changed("tool");
}
