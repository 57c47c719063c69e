// Draws one dashboard from its committed JSON with Grafana's own libraries.
// window.drawn: {dashboard, rows: {panel id: {series, from, until}}, elsewhere: text} (see draw.py)
import React from 'react';
import { createRoot } from 'react-dom/client';
import { MemoryRouter } from 'react-router-dom';
import {
  EmbeddedScene, SceneDataNode, SceneGridItem, SceneGridLayout, SceneGridRow, SceneTimeRange, VizPanel,
} from '@grafana/scenes';
import { createTheme, dateTime, EventBusSrv, LoadingState, standardFieldConfigEditorRegistry, ThemeContext, toDataFrame } from '@grafana/data';
import { config, setAppEvents, setPluginImportUtils } from '@grafana/runtime';
import { GlobalStyles } from '@grafana/ui';
import { pluginOf, PLUGINS, standardFields } from './plugins.jsx';

const { dashboard, rows, elsewhere } = window.drawn;
const theme = createTheme({ colors: { mode: 'light' } });
config.theme2 = theme;
config.theme = theme.v1;
standardFieldConfigEditorRegistry.setInit(standardFields);
setAppEvents(new EventBusSrv());
setPluginImportUtils({
  importPanelPlugin: async (id) => pluginOf(id),
  getPanelPluginFromCache: (id) => pluginOf(id),
});

function vizOf(panel) {
  const { series, from, until } = rows[panel.id];
  const there = panel.type in PLUGINS;
  const range = { from: dateTime(from), to: dateTime(until), raw: { from: 'now-1h', to: 'now' } };
  return new VizPanel({
    key: `viz-panel-${panel.id}`,
    title: there ? panel.title : `${panel.title} ${elsewhere} (${panel.type})`,
    description: panel.description,
    pluginId: there ? panel.type : 'table',
    pluginVersion: '11.6.14',
    options: there ? panel.options : { cellHeight: 'sm', showHeader: true, footer: { enablePagination: true } },
    fieldConfig: panel.fieldConfig,
    $data: new SceneDataNode({
      data: {
        state: LoadingState.Done, series: series.map((one) => toDataFrame(one)), timeRange: range, structureRev: 1,
        request: { timezone: 'Asia/Tokyo', range },
      },
    }),
  });
}

function itemsOf(panels) {
  const items = [];
  let inside = items;
  for (const panel of panels) {
    const { x, y, w, h } = panel.gridPos;
    const place = { key: `panel-${panel.id}`, x, y, width: w, height: h };
    if (panel.type === 'row') {
      const children = [];
      items.push(new SceneGridRow({ ...place, title: panel.title, isCollapsible: true, isCollapsed: false, children }));
      inside = children;
    } else {
      inside.push(new SceneGridItem({ ...place, body: vizOf(panel) }));
    }
  }
  return items;
}

const scene = new EmbeddedScene({
  $timeRange: new SceneTimeRange({ from: 'now-1h', to: 'now', timeZone: dashboard.timezone }),
  body: new SceneGridLayout({ children: itemsOf(dashboard.panels) }),
});

createRoot(document.getElementById('root')).render(
  <MemoryRouter>
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <h1>{dashboard.title}</h1>
      <scene.Component model={scene} />
    </ThemeContext.Provider>
  </MemoryRouter>
);
